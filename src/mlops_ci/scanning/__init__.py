"""Scanning: Trivy as a tool that may fail, and a policy of our own on what it says. Its silence is never a pass."""
