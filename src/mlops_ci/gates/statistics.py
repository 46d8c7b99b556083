"""Paired statistics with the standard library only: bootstrap intervals, the exact McNemar test, Holm's procedure."""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

# Outside this many standard deviations a binomial has no mass that a resample could meet (below 1e-30).
WINDOW = 12.0


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Paired 0/1 outcomes: rows where only the challenger is right, where only the champion is, and the rest."""

    better: int
    worse: int
    same: int

    @property
    def rows(self) -> int:
        """All rows."""
        return self.better + self.worse + self.same

    @property
    def gain(self) -> float:
        """Difference of the two shares of right rows, challenger minus champion."""
        return (self.better - self.worse) / self.rows


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What is drawn at once in a bootstrap: the losses of one row."""

    challenger: float
    champion: float


def bootstrap_counts(counts: Counts, *, resamples: int, seed: int) -> list[float]:
    """Sorted gains of `resamples` paired bootstrap resamples of 0/1 outcomes.

    A resample of the rows matters only by how many fall into each of the three counts, so those are drawn directly:
    first the rows on which the models differ, then how many of these speak for the challenger. The same distribution
    as resampling rows, at a cost that does not depend on their number.
    """
    rows = counts.rows
    differing = counts.better + counts.worse
    if differing == 0:
        return [0.0] * resamples
    generator = random.Random(seed)
    outer = _binomial_table(rows, differing / rows)
    share = counts.better / differing
    inner = cache(lambda trials: _binomial_table(trials, share))
    gains = []
    for _ in range(resamples):
        drawn = outer.draw(generator.random())
        better = inner(drawn).draw(generator.random())
        gains.append((2 * better - drawn) / rows)
    return sorted(gains)


def bootstrap_units(
    units: Sequence[Unit], statistic: Callable[[float, float], float], *, resamples: int, seed: int
) -> list[float]:
    """Sorted values of `statistic(challenger's loss, champion's loss)` over paired resamples of units: exact."""
    generator = random.Random(seed)
    values = []
    for _ in range(resamples):
        chosen = generator.choices(units, k=len(units))
        values.append(
            statistic(math.fsum(unit.challenger for unit in chosen), math.fsum(unit.champion for unit in chosen))
        )
    return sorted(values)


def percentile_interval(ordered: Sequence[float], confidence: float) -> tuple[float, float]:
    """The two-sided percentile interval of sorted bootstrap values."""
    tail = (1 - confidence) / 2
    return _quantile(ordered, tail), _quantile(ordered, 1 - tail)


def share_at_least(ordered: Sequence[float], limit: float) -> float:
    """The share of sorted bootstrap values that are not below `limit`: a one-sided p-value of "it is at least that".

    One is added above and below, so that a finite number of resamples never claims certainty.
    """
    above = len(ordered) - bisect_left(ordered, limit)
    return (above + 1) / (len(ordered) + 1)


def mcnemar(counts: Counts) -> float:
    """Two-sided p-value of the exact McNemar test: do the models differ in their share of right rows?

    The exact binomial test on the rows where they differ (McNemar, Psychometrika 12, 1947, with exact tails).
    """
    trials = counts.better + counts.worse
    if trials == 0:
        return 1.0
    fewer = min(counts.better, counts.worse)
    log_half = trials * math.log(0.5)
    tail = math.fsum(math.exp(_log_choose(trials, k) + log_half) for k in range(fewer + 1))
    return min(1.0, 2 * tail)


def holm(p_values: Sequence[float], level: float) -> list[bool]:
    """Which of the hypotheses Holm's step-down procedure rejects, at a family-wise error rate of `level`."""
    rejected = [False] * len(p_values)
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda one: p_values[one])):
        if p_values[index] > level / (len(p_values) - rank):
            break
        rejected[index] = True
    return rejected


@dataclass(frozen=True)
class _Table:
    """A binomial's cumulative distribution over the window that has mass, for drawing by inversion."""

    first: int
    cumulative: tuple[float, ...]

    def draw(self, uniform: float) -> int:
        place = bisect_left(self.cumulative, uniform * self.cumulative[-1])
        return self.first + min(place, len(self.cumulative) - 1)


def _binomial_table(trials: int, share: float) -> _Table:
    if trials == 0 or share <= 0.0:
        return _Table(0, (1.0,))
    if share >= 1.0:
        return _Table(trials, (1.0,))
    mean, spread = trials * share, math.sqrt(trials * share * (1 - share))
    first = max(0, math.floor(mean - WINDOW * spread - WINDOW))
    last = min(trials, math.ceil(mean + WINDOW * spread + WINDOW))
    start = _log_choose(trials, first) + first * math.log(share) + (trials - first) * math.log1p(-share)
    odds = math.log(share) - math.log1p(-share)
    logs = accumulate(
        range(first, last), lambda log, k: log + math.log(trials - k) - math.log(k + 1) + odds, initial=start
    )
    return _Table(first, tuple(accumulate(math.exp(log) for log in logs)))


def _log_choose(trials: int, successes: int) -> float:
    return math.lgamma(trials + 1) - math.lgamma(successes + 1) - math.lgamma(trials - successes + 1)


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The quantile with linear interpolation between the two nearest values."""
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
