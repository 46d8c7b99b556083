"""`--tolerance` as people write it."""

from __future__ import annotations

import math

import pytest

from mlops_ci.commands.tolerances import ToleranceError, parse_tolerances
from mlops_ci.gates.repeated import default_tolerances

METRICS = ("loss", "val=loss")


def test_without_any_the_defaults_hold():
    assert parse_tolerances((), METRICS) == default_tolerances()


def test_one_for_all_and_one_for_each():
    found = parse_tolerances(("0.01", "loss=0.05", "val=loss=inf", "loss=0.5"), METRICS)
    assert (found.relative, found.of("loss"), found.of("val=loss"), found.of("other")) == (0.01, 0.5, math.inf, 0.01)


@pytest.mark.parametrize("text", ["much", "-0.1", "nan", "loss=", "loss=1%"])
def test_what_is_no_tolerance_is_refused(text):
    with pytest.raises(ToleranceError, match="is no tolerance"):
        parse_tolerances((text,), METRICS)


def test_a_metric_that_the_run_does_not_have_is_refused():
    with pytest.raises(ToleranceError, match="no metric `los`; did you mean `loss`"):
        parse_tolerances(("los=0.1",), METRICS)
