"""Axes for any range a training can come up with."""

import math

import pytest

from mlops_ci.reporting.ticks import labels, span, ticks, widened


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, ["0", "0.5", "1.0"]),
        (0.0, 2.4, ["0", "1", "2"]),
        (0.0, 600.0, ["0", "200", "400", "600"]),
        (0.0, 60_000.0, ["0", "20k", "40k", "60k"]),
        (-1.0, 1.0, ["-1.0", "-0.5", "0", "0.5", "1.0"]),
        (0.0, 3e-4, ["0", "1e-04", "2e-04", "3e-04"]),
        (0.0, 4e9, ["0", "1000M", "2000M", "3000M", "4000M"]),
    ],
)
def test_ticks_are_round(low, high, expected):
    assert labels(ticks(low, high, 4)) == expected


@pytest.mark.parametrize(
    "values",
    [
        [],
        [0.0],
        [5.0, 5.0],
        [-3.0],
        [1e-300, 2e-300],
        [1e300, -1e300],
        [math.inf, 0.0],
        [1e16, 1e16 + 2],
        [1.0, 1.0 + 1e-12],
        [0.1 + 0.2, 0.3],
    ],
)
def test_every_range_gets_an_axis_with_a_few_ticks(values):
    for zero in (False, True):
        low, high = widened(*span(values, zero=zero), 4)
        found = ticks(low, high, 4)
        assert low < high
        assert 2 <= len(found) <= 14
        assert all(low - abs(high - low) * 1e-6 <= tick <= high + abs(high - low) * 1e-6 for tick in found)
        assert len(labels(found)) == len(found)


def test_steps_are_whole_numbers():
    assert ticks(1.0, 3.0, 5, whole=True) == [1.0, 2.0, 3.0]


def test_a_constant_is_in_the_middle():
    low, high = span([5.0, 5.0])
    assert low < 5.0 < high
