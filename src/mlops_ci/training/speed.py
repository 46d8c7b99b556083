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

from mlops_ci.guest.spool import Point, SpoolReader

EXAMPLES = "examples"
# Rates are taken between so many points at most: neighbours may lie closer than the clock's milliseconds.
POINTS = 200
FEWEST_INTERVALS = 2


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
    try:
        points = SpoolReader(path).read(final=True)
    except OSError:
        return Speed()
    # The first point of each step: several metrics of one step may be logged one after the other.
    steps = {point.step: point for point in reversed(points) if point.time is not None}
    return Speed(
        steps=_rate([(point.time or 0.0, float(step)) for step, point in sorted(steps.items())]),
        examples=_rate(_counted(points)),
    )


def slower(now: float | None, before: Sequence[float]) -> str | None:
    """In words how much slower it was than the median of earlier ones, or None."""
    if now is None or len(before) < limits().fewest:
        return None
    usual = statistics.median(before)
    if now >= limits().slower * usual:
        return None
    return f"{now:.3g} a second, {1 - now / usual:.0%} less than the median of {len(before)} earlier ones, {usual:.3g}"


def _counted(points: Sequence[Point]) -> list[tuple[float, float]]:
    """Time and count of examples. A restart counts from 0 again: only what came since then counts."""
    found: list[tuple[float, float]] = []
    for point in points:
        count = point.values.get(EXAMPLES)
        if count is None or point.time is None:
            continue
        if found and count < found[-1][1]:
            found.clear()
        found.append((point.time, count))
    return found


def _rate(points: Sequence[tuple[float, float]]) -> float | None:
    every = max(1, -(-len(points) // POINTS))
    chosen = points[::every]
    rates = [
        (count - earlier_count) / (time - earlier)
        for (earlier, earlier_count), (time, count) in pairwise(chosen)
        if time > earlier
    ]
    return float(f"{statistics.median(rates):.6g}") if len(rates) >= FEWEST_INTERVALS else None
