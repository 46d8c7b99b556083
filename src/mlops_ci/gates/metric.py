"""One metric's value, and which of two values is the better one."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any, Literal

from mlops_ci.gates.errors import MetricUnusableError

Goal = Literal["max", "min"]

# Two values that differ only by the rounding of binary fractions are equal: 0.95 - 0.94 is not above a margin of 0.01.
ROUNDING = 1e-9


def usable(metrics: Mapping[str, Any], name: str, whose: str) -> float:
    """The finite value of metric `name`; raises `MetricUnusableError` saying what is wrong and `whose`."""
    if name not in metrics:
        raise MetricUnusableError(
            f"the {whose} has no metric `{name}`{_others(metrics, name)}", hint=_hint(name, whose)
        )
    value = metrics[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MetricUnusableError(
            f"the {whose}'s metric `{name}` is not a number: {value!r:.40}", hint=_hint(name, whose)
        )
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise MetricUnusableError(f"the {whose}'s metric `{name}` is not finite: {number}", hint=_hint(name, whose))
    return number


def gain(challenger: float, champion: float, goal: Goal) -> float:
    """By how much the challenger is better, in the metric's unit; negative when it is worse."""
    return challenger - champion if goal == "max" else champion - challenger


def at_least(value: float, limit: float, *scale: float) -> bool:
    """`value >= limit`, up to the rounding of binary fractions at the size of the numbers involved."""
    size = max((abs(number) for number in (value, limit, *scale)), default=0.0)
    return value >= limit - ROUNDING * size


def above(value: float, limit: float, *scale: float) -> bool:
    """`value > limit`, by more than the rounding of binary fractions at the size of the numbers involved."""
    return not at_least(limit, value, *scale)


def show(value: float) -> str:
    """A number for people: six significant digits at most."""
    return f"{value:.6g}"


def _others(metrics: Mapping[str, Any], name: str) -> str:
    if not metrics:
        return ": it has none at all"
    near = difflib.get_close_matches(name, list(metrics), n=1)
    if near:
        return f"; did you mean `{near[0]}`?"
    known = sorted(metrics)
    return f"; it has {', '.join(f'`{one}`' for one in known[:8])}{' ...' if len(known) > 8 else ''}"


def _hint(name: str, whose: str) -> str:
    if whose == "champion":
        return (
            f"score the champion with `{name}` too: set `[evaluate] command`, which is run for both models, "
            "or move the champion's alias by hand"
        )
    return f"write a finite number for `{name}` to metrics.json, or name another metric under `[evaluate] metric`"
