"""Outputs of the train stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlops_ci.records.record import FileRef


@dataclass(frozen=True, kw_only=True)
class TrackingRef:
    """The MLflow run: `uri` of the server (without credentials), experiment and run ids."""

    uri: str
    experiment_id: str
    run_id: str
    points: int


@dataclass(frozen=True, kw_only=True)
class TrainAttempt:
    """One start of the user's command; `resumed_from` is a step, null when it started from scratch."""

    class_: str
    exit_code: int
    seconds: float
    resumed_from: int | None = None


@dataclass(frozen=True, kw_only=True)
class TrainOutputs:
    """`metrics` are the last values; `devices` what was really used; `model` the canonical model's files."""

    tracking: TrackingRef
    attempts: tuple[TrainAttempt, ...]
    metrics: Mapping[str, float]
    devices: tuple[str, ...]
    checkpoint: FileRef | None
    model: tuple[FileRef, ...]
    artifacts: tuple[FileRef, ...]
    seconds: float
    peak_memory_bytes: int | None = None
