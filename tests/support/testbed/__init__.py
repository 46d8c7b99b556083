"""Installs, starts and stops the real components (Docker, registry, S3, MLflow, Trivy DB) on a Debian 12 machine.

Standard library only: it runs on a fresh machine, before anything of ours is installed.
"""
