"""Round numbers for an axis."""

from __future__ import annotations

import math

SUFFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
# Beyond these, floats overflow or lose their digits in the sums and quotients below.
LARGEST, SMALLEST = 1e300, 1e-290
MOST = 12


def step_for(low: float, high: float, count: int) -> float:
    """The step, 1, 2 or 5 times a power of ten, that gives about `count` ticks from `low` to `high` (low < high)."""
    rough = (high - low) / max(1, count)
    power = 10.0 ** math.floor(math.log10(rough))
    return next((factor * power for factor in (1.0, 2.0, 5.0) if rough <= factor * power * 1.001), 10.0 * power)


def span(values: list[float], *, zero: bool = False) -> tuple[float, float]:
    """The range that an axis must show: widened around a constant, from 0 to 1 without values."""
    bounded = [min(max(value, -LARGEST), LARGEST) for value in values]
    low, high = (min(bounded), max(bounded)) if bounded else (0.0, 1.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    largest = max(abs(low), abs(high))
    # A range that floats can hardly resolve is drawn as a constant.
    if high - low <= max(1e-9 * largest, SMALLEST):
        pad = 0.1 * largest if largest > SMALLEST else 1.0
        return (low if zero and low == 0 else low - pad), high + pad
    return low, high


def ticks(low: float, high: float, count: int, *, whole: bool = False) -> list[float]:
    """Round values within the range, rising; whole numbers only where asked."""
    step = step_for(low, high, count)
    step = max(1.0, math.ceil(step)) if whole else step
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, min(last, first + MOST) + 1)]


def widened(low: float, high: float, count: int) -> tuple[float, float]:
    """The range out to the next round values."""
    step = step_for(low, high, count)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def labels(values: list[float]) -> list[str]:
    """One label for each tick, all with the same number of decimals."""
    if not values:
        return []
    largest = max(abs(value) for value in values)
    step = values[1] - values[0] if len(values) > 1 else largest or 1.0
    if largest >= 1e15 or (largest < 1e-3 and largest > 0):
        return ["0" if value == 0 else f"{value:.{_digits(largest, step)}e}" for value in values]
    divisor, suffix = next(((size, mark) for size, mark in SUFFIXES if largest >= 10 * size), (1.0, ""))
    decimals = max(0, -math.floor(math.log10(step / divisor) + 1e-9))
    return ["0" if value == 0 else f"{value / divisor:.{decimals}f}{suffix}" for value in values]


def _digits(largest: float, step: float) -> int:
    return max(0, min(6, math.floor(math.log10(largest)) - math.floor(math.log10(step) + 1e-9)))
