"""Tolerances by formula, and the conditions under which sums are exact."""

import pytest

from mlops_ci.guest.health.active.operands import BY_NAME, CHANCE
from mlops_ci.guest.health.active.tolerances import (
    EXACT_INTEGERS,
    UNIT_ROUNDOFF,
    accumulation,
    densest_ternary,
    overflow_chance,
    rounded,
    sums_are_exact,
)


@pytest.mark.parametrize(("terms", "units"), [(512, 14.8), (4096, 27.2), (8192, 35.2)])
def test_the_tolerance_of_a_dot_product(terms, units):
    assert accumulation(terms) / UNIT_ROUNDOFF["fp32"] == pytest.approx(units, abs=0.06)


def test_only_narrow_results_are_rounded_again():
    assert rounded("fp32") == rounded("fp64") == 0
    assert rounded("bf16") == pytest.approx(1.01 * 2**-8)


@pytest.mark.parametrize("name", ["fp32", "tf32", "bf16", "fp16", "int8", "fp64"])
def test_every_kind_of_product_is_exact_up_to_4096_terms(name):
    assert sums_are_exact(name, BY_NAME[name].largest, 4096)


def test_sums_that_are_not_exact_are_known():
    assert not sums_are_exact("fp32", 8, 2**18)
    assert not sums_are_exact("int8", 127, 2**18)


def test_right_results_fit_their_type():
    """With one wrong alarm in a thousand million runs at most."""
    fp16 = overflow_chance(terms=4096, largest=4, variance=4, bound=EXACT_INTEGERS["fp16"], results=4096**2)
    assert fp16 < CHANCE
    for terms in (512, 2056, 4096, 8192):
        share = densest_ternary(terms=terms, bound=EXACT_INTEGERS["bf16"], results=terms**2, chance=CHANCE)
        assert 0.25 < share <= 1
        chance = overflow_chance(terms=terms, largest=1, variance=share**2, bound=256, results=terms**2)
        assert chance <= CHANCE
    assert densest_ternary(terms=2**30, bound=1, results=1, chance=1e-9) == 0
