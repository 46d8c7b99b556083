"""How far what a model gives is from what was recorded: numbers by their distance, all else exactly."""

from __future__ import annotations

import math
from typing import Any, Iterator, List, Optional, Tuple

Pair = Tuple[str, Any, Any]


def differences(given: Any, expected: Any, tolerance: float) -> List[str]:
    """What is not as expected, in words, the first of each kind of place; nothing when all is within `tolerance`.

    A number may differ by `tolerance`, or by that share of the expected one if that is more.
    """
    return [
        said
        for path, ours, theirs in _pairs(given, expected, "outputs")
        if (said := _judge(path, ours, theirs, tolerance))
    ]


def _pairs(given: Any, expected: Any, path: str) -> Iterator[Pair]:
    if isinstance(given, list) and isinstance(expected, list) and len(given) == len(expected):
        for index, ours in enumerate(given):
            yield from _pairs(ours, expected[index], f"{path}[{index}]")
    elif isinstance(given, dict) and isinstance(expected, dict) and given.keys() == expected.keys():
        for key in expected:
            yield from _pairs(given[key], expected[key], f"{path}.{key}")
    else:
        yield path, given, expected


def _judge(path: str, given: Any, expected: Any, tolerance: float) -> Optional[str]:
    if isinstance(given, list) and isinstance(expected, list):
        return f"{path} has {len(given)} parts, expected {len(expected)}"
    if isinstance(given, dict) and isinstance(expected, dict):
        return f"{path} has {', '.join(sorted(map(str, given)))}, expected {', '.join(sorted(map(str, expected)))}"
    if _number(given) and _number(expected):
        allowed = tolerance * max(1.0, abs(expected))
        distance = abs(given - expected)
        near = distance <= allowed and math.isfinite(given)
        return (
            None
            if near
            else f"{path} is {given:g}, expected {expected:g} (differs by {distance:g}, {allowed:g} allowed)"
        )
    return (
        None if type(given) is type(expected) and given == expected else f"{path} is {given!r}, expected {expected!r}"
    )


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
