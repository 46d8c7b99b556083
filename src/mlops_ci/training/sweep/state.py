"""What is known of a trial, on disk: parameters before it starts, and how it ended, so that each resumes on its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mlops_ci.files import write_json
from mlops_ci.records.codec import RecordFormatError, from_json, to_json
from mlops_ci.records.sweep import Trial
from mlops_ci.records.train import TrainAttempt

SCHEMA: Literal["mlops-ci/trial/1"] = "mlops-ci/trial/1"
FILE = "trial.json"


@dataclass(frozen=True, kw_only=True)
class Done:
    """What is kept of the training behind a finished trial, for the record of the best one."""

    attempts: tuple[TrainAttempt, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    devices: tuple[str, ...] = ()
    device_details: tuple[Mapping[str, Any], ...] = ()
    checkpoint: str | None = None
    seconds: float = 0.0
    peak_memory_bytes: int | None = None
    retries: int = 0
    resumes: int = 0
    warnings: tuple[str, ...] = ()
    values: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TrialState:
    """A trial: `trial` is null until it has ended, `done` until it is finished or stopped."""

    schema: Literal["mlops-ci/trial/1"] = SCHEMA
    number: int
    params: Mapping[str, Any]
    trial: Trial | None = None
    done: Done | None = None


def write(folder: Path, state: TrialState) -> None:
    """Keep it, atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / FILE, to_json(state))


def read(folder: Path) -> TrialState | None:
    """What was kept in this folder; None when that is nothing, or nothing that can be understood."""
    try:
        return from_json(TrialState, json.loads((folder / FILE).read_text(encoding="utf-8")), where=FILE)
    except (OSError, ValueError, RecordFormatError):
        return None


def best_of(trials: list[Trial], goal: Literal["max", "min"]) -> Trial | None:
    """The finished trial with the best value, of equal ones the first; None when none has finished with a value."""
    known = [one for one in trials if one.status == "finished" and one.value is not None]
    sign = -1.0 if goal == "max" else 1.0
    return min(known, key=lambda one: (sign * (one.value or 0.0), one.number), default=None)
