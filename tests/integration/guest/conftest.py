"""Jobs for the real guest."""

from support.guest_fixtures import job, make_job, python_with_torch, zipapp

__all__ = ["job", "make_job", "python_with_torch", "zipapp"]
