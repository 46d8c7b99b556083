"""The table `[sweep]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from mlops_ci.settings.marks import Example, Form, Range
from mlops_ci.settings.table import Table
from mlops_ci.settings.words import Text

Scalar = str | int | float | bool
NUMBER = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
RANGE = rf"^\s*({NUMBER})\s+to\s+({NUMBER})(?:\s+step\s+({NUMBER})|\s+(log))?\s*$"
Span = Annotated[str, Form(RANGE, 'a range such as "2 to 8", "0 to 0.5 step 0.1" or "1e-4 to 1e-1 log"')]


@dataclass(frozen=True, kw_only=True)
class SweepSettings(Table):
    """Several trainings with different parameters, of which the best goes on: where there are values or ranges."""

    enabled: bool = True
    """`false` trains once in spite of values and ranges: for an overlay such as `[mode.pr.sweep]`."""
    method: Literal["grid", "random", "optuna"] = "grid"
    """How parameters are chosen: every combination of the values; at random, the same with the same seed; or as a study
    of Optuna proposes, which needs the extra `sweep`."""
    values: Annotated[
        Mapping[str, tuple[str | int | float | bool, ...]], Example({"lr": [0.1, 0.01], "width": [32, 64]})
    ] = field(default_factory=dict)
    """Parameters and the values that they may have, in place of those in `[train] params`."""
    ranges: Annotated[Mapping[str, Span], Example({"lr": "1e-4 to 1e-1 log"})] = field(default_factory=dict)
    """Parameters and the range from which they are drawn: whole numbers where both ends are whole, both ends included;
    with `step`, or `log` for an even spread over orders of magnitude. Not with the method `grid`."""
    trials: Annotated[int, Range(1, 10_000)] = 20
    """How many trainings; a grid ends with its last combination."""
    parallel: Annotated[int, Range(1, 256)] = 1
    """How many of them run at a time; no more than this machine has GPUs for."""
    metric: Annotated[Text | None, Example("val_loss")] = None
    """The logged metric by whose last value trials are compared. Default: `[evaluate] metric`."""
    goal: Annotated[Literal["max", "min"] | None, Example("min")] = None
    """Whether more or less of it is better. Default: `[evaluate] goal`."""
    stop: Literal["never", "median"] = "never"
    """`median` ends a trial early whose best value so far is worse than the median of the others at the same count of
    values."""
    stop_after: Annotated[int, Range(1)] = 5
    """Values of the metric that a trial has logged before it may be ended."""
    stop_trials: Annotated[int, Range(1)] = 3
    """Other trials that have come so far before one may be ended."""
    study: Annotated[Text | None, Example("sqlite:////srv/studies/digits.db")] = None
    """Optuna's storage: a database's address, or a file for its journal. A study that exists there is gone on with.
    Default: a journal in the run's own folder."""

    @property
    def on(self) -> bool:
        """Whether there is something to be swept."""
        return self.enabled and bool(self.values or self.ranges)

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that are swept."""
        return tuple(dict.fromkeys((*self.values, *self.ranges)))
