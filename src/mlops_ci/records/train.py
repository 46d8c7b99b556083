"""Outputs of the train stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from mlops_ci.records.marks import VOLATILE
from mlops_ci.records.record import FileRef
from mlops_ci.records.sweep import SweepOutputs


@dataclass(frozen=True, kw_only=True)
class TrackingRef:
    """The MLflow run: `uri` of the server (without credentials), experiment and run ids."""

    uri: Annotated[str, VOLATILE]
    experiment_id: Annotated[str, VOLATILE]
    run_id: Annotated[str, VOLATILE]
    points: int


@dataclass(frozen=True, kw_only=True)
class TrainAttempt:
    """One start of the user's command; `resumed_from` is a step, null when it started from scratch."""

    class_: str
    exit_code: int
    seconds: Annotated[float, VOLATILE]
    resumed_from: int | None = None


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """How fast it was: logged steps, and examples where the script counts them, each null where nothing tells it."""

    steps_per_second: Annotated[float | None, VOLATILE]
    examples_per_second: Annotated[float | None, VOLATILE]
    hardware: Annotated[str, VOLATILE]
    seconds: Annotated[float, VOLATILE]


@dataclass(frozen=True, kw_only=True)
class TrainOutputs:
    """`metrics` are the last values; `devices` what was really used; `model` the canonical model's files.

    Of a sweep all of this is the best trial's, and `sweep` tells of the others.
    `signed_by`: whose signature the image had, where one is asked for.
    `retries` counts the attempts after a failure, `resumes` those after an interruption that is nobody's failure.
    """

    tracking: TrackingRef
    attempts: tuple[TrainAttempt, ...]
    metrics: Mapping[str, float]
    devices: tuple[str, ...]
    checkpoint: FileRef | None
    model: tuple[FileRef, ...]
    artifacts: tuple[FileRef, ...]
    seconds: Annotated[float, VOLATILE]
    peak_memory_bytes: Annotated[int | None, VOLATILE] = None
    signed_by: str = ""
    retries: int = 0
    resumes: int = 0
    sweep: SweepOutputs | None = None
    throughput: Throughput | None = None
