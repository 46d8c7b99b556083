"""The guest as one file that engines hand to jobs."""

from __future__ import annotations

from pathlib import Path

from mlops_ci.guest import bundle


def guest_file(project: Path) -> Path:
    """The guest's zipapp, built in the project's cache."""
    return bundle.build(project / ".mlops" / "cache" / "guest" / "mlops-guest.pyz")
