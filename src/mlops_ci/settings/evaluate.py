"""The table `[evaluate]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from mlops_ci.settings.marks import Example, Range, Stricter
from mlops_ci.settings.rules import MetricRule
from mlops_ci.settings.table import Table
from mlops_ci.settings.units import Duration
from mlops_ci.settings.words import Text


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings(Table):
    """Champion against challenger: whether the new model may replace the one in use."""

    command: Annotated[Text | None, Example("python evaluate.py --model {model} --data {data} --to {output}")] = None
    """Scores the model in `{model}` (`MLOPS_MODEL_DIR`) on `{data}` (`MLOPS_DATA_DIR`); writes `metrics.json`, and
    `predictions.csv` if it likes, into `{output}`. Default: the training's own metrics count."""
    metric: Annotated[Text | None, Example("accuracy"), Stricter("same")] = None
    """The metric that decides."""
    goal: Annotated[Literal["max", "min"], Stricter("same")] = "max"
    """Whether more or less of it is better."""
    floor: Annotated[float | None, Example(0.95), Stricter("better")] = None
    """The value that a model must reach to be promoted at all (with goal `min`: must not exceed)."""
    margin: Annotated[float, Range(0), Stricter("lower")] = 0.0
    """By how much the challenger may be worse than the champion and still replace it. 0: it must be better, an equal
    one does not replace."""
    min_effect: Annotated[float, Range(0), Stricter("higher")] = 0.0
    """By how much the challenger must be better than the champion to replace it. In place of `margin`."""
    by: Annotated[Literal["value", "interval"], Stricter("same")] = "value"
    """What must hold the margin or the minimum effect: the difference itself, or the worse end of its confidence
    interval, which needs predictions of both models."""
    also: Annotated[
        Mapping[str, MetricRule], Example({"loss": "min margin 5%", "model_bytes": "min limit 5e7"}), Stricter("same")
    ] = field(default_factory=dict)
    """Further metrics that must hold too: which way is better, a `limit`, a `margin` to the champion (0 where
    neither is given).
    `model_bytes`, `evaluate_seconds` and `ece` are made by us; all others stand in `metrics.json`."""
    slices: tuple[Text, ...] = ()
    """Columns of `predictions.csv` by which the metric is told apart."""
    no_champion: Annotated[Literal["review", "promote"], Stricter("earlier")] = "promote"
    """What becomes of a model that holds the limits while there is no champion: it is promoted, or a human decides."""
    unloadable_champion: Annotated[Literal["error", "review"], Stricter("earlier")] = "error"
    """What it means when the command fails on the champion, or the champion's files are gone: no verdict (exit code
    4), or a human decides. Files that were changed are always an error."""
    changed_classes: Annotated[Literal["review", "allow"], Stricter("earlier")] = "review"
    """What it means when the model's or the data's classes are not those of when the champion was published: a human
    decides, or the metric as always."""
    on: Literal["cpu", "gpu"] = "cpu"
    """Where the command runs."""
    timeout: Duration = Duration(3600)
    """Limit for the command."""
