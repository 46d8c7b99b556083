"""The binned bootstrap against the exact distribution of the bootstrap, which whole numbers have in closed form."""

from __future__ import annotations

import cmath
import math
import random
from collections import Counter
from time import process_time

import pytest

from mlops_ci.gates.binned import bootstrap_mean
from mlops_ci.gates.evidence import MEASURES, weigh
from mlops_ci.gates.predictions import Paired
from mlops_ci.gates.statistics import percentile_interval

STATED = 0.001
RESAMPLES = 20_000


def exact(values, limit):
    """The probability that a resample of whole numbers sums up to at most `limit`, by its characteristic function."""
    rows, counts = len(values), Counter(values)
    points = 1 << (sum(values) + 12 * max(values)).bit_length()
    total = 0.0
    for number in range(points):
        angle = 2 * math.pi * number / points
        one = sum(count * cmath.exp(1j * angle * value) for value, count in counts.items()) / rows
        here = one**rows
        if abs(here) < 1e-18:
            continue
        back = cmath.exp(-1j * angle)
        steps = limit + 1 if number == 0 else (1 - back ** (limit + 1)) / (1 - back)
        total += (here * steps).real
    return total / points


def skewed(rows):
    chance = random.Random(rows)
    return [min(9, int(chance.expovariate(0.7))) for _ in range(rows)]


CASES = {
    "skewed": skewed(1500),
    "mostly nothing": [0] * 1960 + [3] * 30 + [40] * 10,
    "one row far out": [*skewed(1200), 150],
    "the same": [2] * 600 + [3] * 601,
}


@pytest.mark.parametrize("values", CASES.values(), ids=CASES)
def test_an_end_of_the_interval_has_the_probability_it_is_said_to_have(values):
    ordered = bootstrap_mean(values, resamples=RESAMPLES, seed=1)
    for wanted, end in zip((0.025, 0.975), percentile_interval(ordered, 0.95), strict=True):
        # Whole numbers: the exact distribution has steps, and the end lies on one or between two.
        place = end * len(values)
        low, high = exact(values, math.ceil(place) - 2), exact(values, math.floor(place) + 1)
        chance = 3 * math.sqrt(0.025 * 0.975 / RESAMPLES)
        assert low - STATED - chance <= wanted <= high + STATED + chance
        assert high - low < 0.02, "the steps are small enough for this to mean something"


def test_the_spread_is_that_of_the_rows():
    values = skewed(5000)
    ordered = bootstrap_mean(values, resamples=RESAMPLES, seed=2)
    mean = sum(values) / len(values)
    spread = math.sqrt(sum((value - mean) ** 2 for value in values)) / len(values)
    low, high = percentile_interval(ordered, 0.6826895)
    assert (high - low) / 2 == pytest.approx(spread, rel=0.02)


def test_values_that_do_not_differ_have_no_spread():
    assert set(bootstrap_mean([0.25] * 2000, resamples=50, seed=1)) == {0.25}


def test_a_hundred_thousand_rows_cost_a_fraction_of_a_second():
    chance = random.Random(1)
    values = [chance.gauss(0, 1) for _ in range(100_000)]
    began = process_time()
    bootstrap_mean(values, resamples=10_000, seed=1)
    assert process_time() - began < 2.5, "0.25 s on a machine with nothing else to do"


def paired(rows):
    found = Paired(pairs=())
    found.__dict__["numbers"] = tuple(rows)
    return found


@pytest.mark.parametrize("measure", [one for one in MEASURES if one.loss], ids=lambda one: one.name)
def test_many_rows_give_the_interval_that_few_give_of_the_same_kind(measure):
    """Above 1,000 rows in bins, below one by one: four times the rows have an interval half as wide."""
    chance = random.Random(3)
    rows = [(truth, truth + chance.gauss(0, 1), truth + chance.gauss(0, 1.1)) for truth in range(800)]
    few, many = weigh(measure, paired(rows)), weigh(measure, paired(rows * 4))
    assert "in bins (error below 0.1 percentage points" in many.why
    assert "bins" not in few.why
    assert many.gain == pytest.approx(few.gain)
    widths = [one.interval[1] - one.interval[0] for one in (few, many)]
    assert widths[0] / widths[1] == pytest.approx(2, rel=0.08)
