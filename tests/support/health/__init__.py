"""Healthy and faulty nodes as data, driven through NVIDIA's real binding and the real checks."""
