"""Outputs of a sweep: its trials, and which of them was the best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from mlops_ci.records.marks import VOLATILE

TrialStatus = Literal["finished", "stopped", "failed"]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One training of a sweep. `value` is the metric's last value, null where it logged none.

    `status`: it was finished, stopped because others did better, or has failed; `why` says more. `starts` counts how
    often the command was started, `run_id` is its MLflow run, nested in the sweep's.
    """

    number: int
    params: Mapping[str, Any]
    status: TrialStatus
    value: float | None
    class_: str = "ok"
    why: str = ""
    starts: int = 1
    seconds: Annotated[float, VOLATILE] = 0.0
    run_id: Annotated[str, VOLATILE] = ""


@dataclass(frozen=True, kw_only=True)
class SweepOutputs:
    """`best` is the number of the trial that goes on to evaluate; `params` are all that it was trained with."""

    method: str
    metric: str
    goal: Literal["max", "min"]
    trials: tuple[Trial, ...]
    best: int
    params: Mapping[str, Any] = field(default_factory=dict)
