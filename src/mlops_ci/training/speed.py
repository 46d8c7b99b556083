"""How fast a training was, from the times of its metric points, and whether that is slower than before."""

from __future__ import annotations

import statistics
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

from mlops_ci.guest.spool import SpoolReader

EXAMPLES = "examples"
# Rates are taken between so many points at most: neighbours may lie closer than the clock's milliseconds.
POINTS = 200
FEWEST_INTERVALS = 2

# More points than this are not held: every other one goes, which leaves the medians what they are.
HELD = 100_000


@dataclass(frozen=True, kw_only=True)
class Limits:
    """From `resources/speed.toml`."""

    slower: float
    fewest: int
    most: int


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Medians over the intervals between points; None where too few points tell them."""

    steps: float | None = None
    examples: float | None = None


@cache
def limits() -> Limits:
    """The constants, read once."""
    return Limits(**tomllib.loads(files("mlops_ci.resources").joinpath("speed.toml").read_text(encoding="utf-8")))


def speed_of(path: Path) -> Speed:
    """The speed that a metrics file tells; nothing where it cannot be read."""
    steps: dict[int, float] = {}
    counted: list[tuple[float, float]] = []
    try:
        for point in SpoolReader(path).all(final=True):
            if point.time is None:
                continue
            # The first point of each step: several metrics of one step may be logged one after the other.
            steps.setdefault(point.step, point.time)
            _count(counted, point.time, point.values.get(EXAMPLES))
            if len(steps) > HELD:
                steps = dict(list(steps.items())[::2])
    except OSError:
        return Speed()
    return Speed(steps=_rate([(time, float(step)) for step, time in sorted(steps.items())]), examples=_rate(counted))


def slower(now: float | None, before: Sequence[float]) -> str | None:
    """In words how much slower it was than the median of earlier ones, or None."""
    if now is None or len(before) < limits().fewest:
        return None
    usual = statistics.median(before)
    if now >= limits().slower * usual:
        return None
    return f"{now:.3g} a second, {1 - now / usual:.0%} less than the median of {len(before)} earlier ones, {usual:.3g}"


def _count(found: list[tuple[float, float]], time: float, count: float | None) -> None:
    """Add time and count of examples. A restart counts from 0 again: only what came since then counts."""
    if count is None:
        return
    if found and count < found[-1][1]:
        found.clear()
    found.append((time, count))
    if len(found) > HELD:
        del found[1::2]


def _rate(points: Sequence[tuple[float, float]]) -> float | None:
    every = max(1, -(-len(points) // POINTS))
    chosen = points[::every]
    rates = [
        (count - earlier_count) / (time - earlier)
        for (earlier, earlier_count), (time, count) in pairwise(chosen)
        if time > earlier
    ]
    return float(f"{statistics.median(rates):.6g}") if len(rates) >= FEWEST_INTERVALS else None
