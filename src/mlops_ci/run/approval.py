"""A human's yes to a promotion, kept in the run directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_ci.files import write_json
from mlops_ci.run.clock import now, stamp

if TYPE_CHECKING:
    from mlops_ci.run.run import Run

FILE = "approval.json"


def approve(run: Run, who: str) -> None:
    """Note that `who` approves the promotion of this run's model."""
    write_json(run.path(FILE), {"approved_by": who, "approved_at": stamp(now())})


def approval(run: Run) -> str | None:
    """Who approved, or None."""
    from mlops_ci.run.run import read_json

    path = run.path(FILE)
    return str(read_json(path)["approved_by"]) if path.exists() else None
