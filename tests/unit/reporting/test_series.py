"""Down-sampling keeps what the eye would see."""

import math
import random

import pytest

from mlops_ci.reporting.series import SeriesBuilder, thin


def noise(count):
    source = random.Random(1)
    return [(float(x), source.gauss(0, 1)) for x in range(count)]


@pytest.mark.parametrize("count", [0, 1, 2, 299, 300])
def test_what_is_short_enough_stays(count):
    assert thin(noise(count), 300) == noise(count)


@pytest.mark.parametrize("count", [301, 1_000, 54_321])
def test_extremes_and_ends_are_kept(count):
    points = noise(count)
    points[count // 3] = (points[count // 3][0], 50.0)
    points[count // 2] = (points[count // 2][0], -50.0)
    kept = thin(points, 300)
    assert len(kept) <= 300
    assert kept == sorted(kept)
    assert kept[0] == points[0]
    assert kept[-1] == points[-1]
    assert max(y for _, y in kept) == 50.0
    assert min(y for _, y in kept) == -50.0


def test_a_single_nan_among_many_values_is_kept():
    points = noise(10_000)
    points[7_777] = (7_777.0, math.nan)
    kept = thin(points, 300)
    assert len(kept) <= 300
    assert [x for x, y in kept if math.isnan(y)] == [7_777.0]


def test_nothing_but_gaps():
    kept = thin([(float(x), math.nan) for x in range(5_000)], 300)
    assert 2 <= len(kept) <= 300


def test_a_builder_orders_and_counts():
    builder = SeriesBuilder("loss")
    for x, y in ((3, 1.0), (1, 2.0), (3, 5.0)):
        builder.add(x, y)
    series = builder.build()
    assert series.points == ((1, 2.0), (3, 5.0))
    assert (series.count, series.last) == (3, 5.0)
