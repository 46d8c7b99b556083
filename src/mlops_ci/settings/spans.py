"""Ranges of numbers that people write as `"1e-4 to 1e-1 log"`."""

from __future__ import annotations

import math
import random
import re
from dataclasses import dataclass

from mlops_ci.settings.sweep import RANGE


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A range, both ends included. `whole`: of whole numbers only; `log`: spread evenly over orders of magnitude."""

    low: float
    high: float
    step: float | None = None
    log: bool = False
    whole: bool = False

    def draw(self, noise: random.Random) -> int | float:
        """A value of it by chance."""
        if self.log:
            value = math.exp(noise.uniform(math.log(self.low), math.log(self.high)))
            return self._within(round(value)) if self.whole else self._within(value)
        if self.step is not None:
            value = self.low + self.step * noise.randint(0, self.steps)
            return round(value) if self.whole else value
        return noise.randint(int(self.low), int(self.high)) if self.whole else noise.uniform(self.low, self.high)

    @property
    def steps(self) -> int:
        """How many steps fit into it."""
        return 0 if self.step is None else math.floor((self.high - self.low) / self.step + 1e-9)

    def _within(self, value: float) -> int | float:
        held = min(self.high, max(self.low, value))
        return int(held) if self.whole else held


def parse(text: str) -> Interval:
    """The range that `"1e-4 to 1e-1 log"` says; raises `ValueError` for one that has nothing in it."""
    match = re.match(RANGE, text)
    if match is None:
        raise ValueError('expected a range such as "2 to 8"')
    low, high, step = float(match[1]), float(match[2]), float(match[3]) if match[3] else None
    interval = Interval(
        low=low,
        high=high,
        step=step,
        log=match[4] is not None,
        whole=all(re.fullmatch(r"-?[0-9]+", one) for one in match.groups()[:3] if one is not None),
    )
    if not low < high:
        raise ValueError("the first number must be below the second")
    if interval.log and low <= 0:
        raise ValueError("a range over orders of magnitude (log) must be above 0")
    if step is not None and not 0 < step <= high - low:
        raise ValueError("the step must be above 0 and fit into the range")
    return interval
