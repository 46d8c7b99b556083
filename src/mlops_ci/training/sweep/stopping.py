"""Which trials are not worth their time: the median rule."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mlops_ci.guest.spool import SpoolReader
from mlops_ci.settings.sweep import SweepSettings

Goal = Literal["max", "min"]


@dataclass
class Values:
    """The values of one metric that a running trial has logged so far."""

    path: Path
    metric: str
    _reader: SpoolReader | None = None
    seen: list[float] = field(default_factory=list)

    def read(self) -> Sequence[float]:
        """All of them, in the order of logging."""
        if self._reader is None or (self.path.exists() and self.path.stat().st_size < self._reader.offset):
            # A resumed trial begins its file anew.
            self._reader, self.seen = SpoolReader(self.path), []
        with suppress(OSError):
            self.seen.extend(point.values[self.metric] for point in self._reader.all() if self.metric in point.values)
        return self.seen


def worse_than_others(
    settings: SweepSettings, goal: Goal, mine: Sequence[float], others: Sequence[Sequence[float]]
) -> str | None:
    """Why a trial with these values is to be ended, or None. Of the others only those count that have come so far."""
    count = len(mine)
    if settings.stop != "median" or count < settings.stop_after:
        return None
    best = max if goal == "max" else min
    compared = [best(other[:count]) for other in others if len(other) >= count]
    if len(compared) < settings.stop_trials:
        return None
    own, middle = best(mine), statistics.median(compared)
    if own >= middle if goal == "max" else own <= middle:
        return None
    return f"its best of {count} values, {own:.4g}, is worse than the median of {len(compared)} others, {middle:.4g}"
