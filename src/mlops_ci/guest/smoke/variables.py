"""The variables by which a smoke run is told to the processes of the training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mlops_ci.guest import layout
from mlops_ci.guest.task import Task

STEPS = "MLOPS_SMOKE_STEPS"
PATIENCE = "MLOPS_SMOKE_PATIENCE"
FILE = "MLOPS_SMOKE_FILE"


def variables(task: Task) -> dict[str, str]:
    """None of them where the task is no smoke run."""
    if task.smoke is None:
        return {}
    return {
        STEPS: str(task.smoke.steps),
        PATIENCE: str(task.smoke.patience),
        FILE: str(task.paths.job / layout.SMOKE),
    }


def given(environ: Mapping[str, str]) -> tuple[int, int, Path] | None:
    """Steps, patience and the file of this process's smoke run; None where it is none."""
    try:
        return int(environ[STEPS]), int(environ[PATIENCE]), Path(environ[FILE])
    except (KeyError, ValueError):
        return None
