"""The table `[runners]`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RunnerSettings:
    """Labels of the runners for each class of job; `plan` prints the choice."""

    plan: str = "ubuntu-latest"
    """For `plan`: seconds of work."""
    cpu: str = "ubuntu-latest"
    """For jobs that need no GPU."""
    gpu: str = "self-hosted"
    """For verify and train."""
