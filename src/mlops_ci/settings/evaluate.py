"""The table `[evaluate]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlops_ci.settings.units import Duration


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings:
    """Champion against challenger."""

    command: str | None = None
    """Scores the model in `MLOPS_MODEL_DIR` on `MLOPS_DATA_DIR`; writes `metrics.json` (and `predictions.csv`) into `{output}`. Default: the training's own metrics count."""
    metric: str | None = None
    """The metric that decides."""
    goal: Literal["max", "min"] = "max"
    """Whether more or less of it is better."""
    floor: float | None = None
    """The value that a model must reach to be promoted at all (with goal `min`: must not exceed)."""
    margin: float = 0.0
    """By how much the challenger may be worse than the champion and still replace it (0: it must not be worse)."""
    slices: tuple[str, ...] = ()
    """Columns of `predictions.csv` by which the metric is told apart."""
    on: Literal["cpu", "gpu"] = "cpu"
    """Where the command runs."""
    timeout: Duration = Duration(3600)
    """Limit for the command."""
