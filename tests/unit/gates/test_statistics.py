import math
import statistics
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_ci.gates.statistics import (
    Counts,
    Unit,
    bootstrap_counts,
    bootstrap_units,
    holm,
    mcnemar,
    percentile_interval,
    share_at_least,
)


def difference(ours: float, theirs: float) -> float:
    return (theirs - ours) / 200


def test_counts_bootstrap_is_the_row_bootstrap_for_0_1_losses():
    counts = Counts(better=30, worse=18, same=152)
    fast = bootstrap_counts(counts, resamples=4000, seed=1)
    ours = [0.0] * 30 + [1.0] * 18 + [0.0] * 152
    theirs = [1.0] * 30 + [0.0] * 18 + [0.0] * 152
    units = [Unit(challenger=one, champion=other) for one, other in zip(ours, theirs, strict=True)]
    slow = bootstrap_units(units, difference, resamples=4000, seed=2)
    assert statistics.fmean(fast) == pytest.approx(counts.gain, abs=0.002)
    assert statistics.stdev(fast) == pytest.approx(statistics.stdev(slow), rel=0.05)
    for left, right in zip(percentile_interval(fast, 0.95), percentile_interval(slow, 0.95), strict=True):
        assert left == pytest.approx(right, abs=0.01)


def test_counts_bootstrap_has_the_spread_that_theory_gives():
    counts = Counts(better=400, worse=300, same=9300)
    expected = math.sqrt((0.07 - 0.01**2) / 10_000)
    assert statistics.stdev(bootstrap_counts(counts, resamples=5000, seed=3)) == pytest.approx(expected, rel=0.05)


def test_a_million_rows_cost_seconds_at_most():
    started = process_time()
    gains = bootstrap_counts(Counts(better=60_000, worse=50_000, same=890_000), resamples=2000, seed=1)
    assert process_time() - started < 10
    low, high = percentile_interval(gains, 0.95)
    assert low < 0.01 < high
    assert high - low < 0.002


def test_the_same_seed_gives_the_same_interval():
    counts = Counts(better=3, worse=4, same=50)
    assert bootstrap_counts(counts, resamples=100, seed=7) == bootstrap_counts(counts, resamples=100, seed=7)
    assert bootstrap_counts(counts, resamples=100, seed=7) != bootstrap_counts(counts, resamples=100, seed=8)


@pytest.mark.parametrize(
    ("better", "worse", "p"),
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (10, 2, 0.03857421875),  # 2 * (1 + 12 + 66) / 2**12
        (0, 8, 0.0078125),
        (8, 0, 0.0078125),
    ],
)
def test_mcnemar_is_the_exact_binomial_test(better, worse, p):
    assert mcnemar(Counts(better=better, worse=worse, same=100)) == pytest.approx(p)


def test_mcnemar_of_many_rows_does_not_overflow():
    assert mcnemar(Counts(better=60_000, worse=50_000, same=0)) == pytest.approx(0.0, abs=1e-12)
    assert mcnemar(Counts(better=50_000, worse=50_000, same=0)) == 1.0


@given(better=st.integers(0, 300), worse=st.integers(0, 300), same=st.integers(1, 300))
@settings(max_examples=50, deadline=None)
def test_mcnemar_does_not_care_which_model_is_the_challenger(better, worse, same):
    one = mcnemar(Counts(better=better, worse=worse, same=same))
    other = mcnemar(Counts(better=worse, worse=better, same=same))
    assert one == other
    assert 0 <= one <= 1


@given(better=st.integers(0, 60), worse=st.integers(0, 60), same=st.integers(1, 60))
@settings(max_examples=50, deadline=None)
def test_every_bootstrap_gain_is_a_possible_one(better, worse, same):
    counts = Counts(better=better, worse=worse, same=same)
    gains = bootstrap_counts(counts, resamples=50, seed=1)
    assert gains == sorted(gains)
    assert all(-1 <= gain <= 1 for gain in gains)
    assert all(gain <= 0 for gain in gains) or better
    assert all(gain >= 0 for gain in gains) or worse
    low, high = percentile_interval(gains, 0.95)
    assert low <= high


def test_identical_models_have_no_spread():
    assert set(bootstrap_counts(Counts(better=0, worse=0, same=9), resamples=10, seed=1)) == {0.0}


def test_holm_rejects_step_by_step():
    assert holm([0.01, 0.04, 0.03], 0.05) == [True, False, False]
    assert holm([0.01, 0.02, 0.03], 0.05) == [True, True, True]
    assert holm([0.02, 0.9], 0.05) == [True, False]
    assert holm([0.03, 0.9], 0.05) == [False, False]
    assert holm([], 0.05) == []


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_never_rejects_more_than_single_tests_nor_less_than_bonferroni(p_values):
    rejected = holm(p_values, 0.05)
    for p, no in zip(p_values, rejected, strict=True):
        assert no <= (p <= 0.05)
        assert no >= (p <= 0.05 / len(p_values) * (1 - 1e-12))


def test_a_share_never_claims_certainty():
    assert share_at_least([0.1, 0.2, 0.3], 0.5) == 0.25
    assert share_at_least([0.1, 0.2, 0.3], 0.2) == 0.75
    assert share_at_least([0.1, 0.2, 0.3], 0.0) == 1.0
