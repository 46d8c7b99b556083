"""What the REST API answers, as the objects that MLflow's own client gives: the parts of them that are used here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Metric:
    """A point of a metric."""

    key: str
    value: float
    timestamp: int
    step: int


@dataclass(frozen=True)
class RunTag:
    """A tag of a run."""

    key: str
    value: str


@dataclass(frozen=True)
class Param:
    """A parameter of a run."""

    key: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """An experiment."""

    experiment_id: str
    lifecycle_stage: str


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """What a run is."""

    run_id: str
    experiment_id: str
    status: str
    start_time: int
    lifecycle_stage: str


@dataclass(frozen=True, kw_only=True)
class RunData:
    """What a run logged: of each metric the last value."""

    metrics: Mapping[str, float]
    params: Mapping[str, str]
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class MlflowRun:
    """A run."""

    info: RunInfo
    data: RunData


@dataclass(frozen=True, kw_only=True)
class ModelVersion:
    """A version of a registered model."""

    version: str
    status: str
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class RegisteredModel:
    """A registered model: alias → version."""

    aliases: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class LoggedModel:
    """A LoggedModel."""

    model_id: str
    status: str
    source_run_id: str
    creation_timestamp: int
    artifact_uri: str


class Page(list[T], Generic[T]):
    """A part of a list; `token` asks for the next one, empty at the end."""

    def __init__(self, items: Iterable[T], token: str) -> None:
        super().__init__(items)
        self.token = token


def number(value: float) -> float | str:
    """A number as JSON has it: those that JSON has not are said in words."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def pairs(items: Iterable[Mapping[str, Any]] | None) -> dict[str, str]:
    """`[{key, value}]` as a dictionary."""
    return {str(one["key"]): str(one.get("value", "")) for one in items or ()}


def listed(texts: Mapping[str, str]) -> list[dict[str, str]]:
    """A dictionary as `[{key, value}]`."""
    return [{"key": key, "value": value} for key, value in texts.items()]


def experiment(found: Mapping[str, Any]) -> Experiment:
    """An experiment."""
    return Experiment(
        experiment_id=str(found["experiment_id"]), lifecycle_stage=str(found.get("lifecycle_stage", "active"))
    )


def run(found: Mapping[str, Any]) -> MlflowRun:
    """A run."""
    info, data = found["info"], found.get("data") or {}
    return MlflowRun(
        info=RunInfo(
            run_id=str(info["run_id"]),
            experiment_id=str(info["experiment_id"]),
            status=str(info["status"]),
            start_time=int(info.get("start_time", 0)),
            lifecycle_stage=str(info.get("lifecycle_stage", "active")),
        ),
        data=RunData(
            metrics={str(one["key"]): float(one.get("value", 0.0)) for one in data.get("metrics") or ()},
            params=pairs(data.get("params")),
            tags=pairs(data.get("tags")),
        ),
    )


def point(found: Mapping[str, Any]) -> Metric:
    """A point of a metric."""
    return Metric(
        str(found["key"]), float(found.get("value", 0.0)), int(found.get("timestamp", 0)), int(found.get("step", 0))
    )


def model_version(found: Mapping[str, Any]) -> ModelVersion:
    """A version of a registered model."""
    return ModelVersion(
        version=str(found["version"]), status=str(found.get("status", "READY")), tags=pairs(found.get("tags"))
    )


def registered_model(found: Mapping[str, Any]) -> RegisteredModel:
    """A registered model."""
    return RegisteredModel(aliases={str(one["alias"]): str(one["version"]) for one in found.get("aliases") or ()})


def logged_model(found: Mapping[str, Any]) -> LoggedModel:
    """A LoggedModel."""
    info = found["info"]
    return LoggedModel(
        model_id=str(info["model_id"]),
        status=str(info.get("status", "")).removeprefix("LOGGED_MODEL_"),
        source_run_id=str(info.get("source_run_id", "")),
        creation_timestamp=int(info.get("creation_timestamp_ms", 0)),
        artifact_uri=str(info.get("artifact_uri", "")),
    )
