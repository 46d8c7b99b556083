"""Two runs of the same: equal, within tolerance, different."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_ci.gates.repeated import (
    Tolerances,
    default_tolerances,
    repeated_digest,
    repeated_image,
    repeated_metrics,
    repeated_model,
    worst,
)

PERCENT = Tolerances(relative=0.01, absolute=1e-9)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def sameness(before, after, tolerances=PERCENT):
    return {one.name: one.sameness for one in repeated_metrics(before, after, tolerances)}


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (0.5, 0.5, "equal"),
        (100.0, 100.9, "within-tolerance"),
        (100.0, 99.1, "within-tolerance"),
        (100.0, 102.0, "different"),
        (-1.0, 1.0, "different"),
        (0.0, 1e-10, "within-tolerance"),
        (0.0, 1e-3, "different"),
    ],
)
def test_a_metric_by_its_relative_distance(before, after, wanted):
    assert sameness({"loss": before}, {"loss": after}) == {"loss": wanted}


def test_each_metric_may_have_a_tolerance_of_its_own():
    own = Tolerances(relative=0.0, absolute=0.0, metrics={"speed": math.inf, "loss": 0.1})
    before, after = {"speed": 1.0, "loss": 1.0, "accuracy": 0.9}, {"speed": 99.0, "loss": 1.05, "accuracy": 0.9000001}
    assert sameness(before, after, own) == {
        "speed": "within-tolerance",
        "loss": "within-tolerance",
        "accuracy": "different",
    }


def test_a_metric_that_only_one_run_has_is_different():
    assert sameness({"a": 1.0}, {"b": 1.0}) == {"a": "different", "b": "different"}


def test_distance_and_tolerance_are_stated():
    (one,) = repeated_metrics({"loss": 2.0}, {"loss": 1.9}, PERCENT)
    assert (one.difference, one.tolerance) == (pytest.approx(0.05), 0.01)


@given(before=NUMBERS, after=NUMBERS)
def test_which_run_came_first_does_not_matter(before, after):
    assert sameness({"m": before}, {"m": after}) == sameness({"m": after}, {"m": before})


@given(value=NUMBERS)
def test_a_metric_is_equal_to_itself(value):
    assert sameness({"m": value}, {"m": value}, default_tolerances()) == {"m": "equal"}


def test_an_image_built_again_from_the_same_inputs_is_no_change():
    assert repeated_image("train", ("key", "sha256:1"), ("key", "sha256:1")).sameness == "equal"
    assert repeated_image("train", ("key", "sha256:1"), ("key", "sha256:2")).sameness == "within-tolerance"
    assert repeated_image("train", ("key", "sha256:1"), ("other", "sha256:2")).sameness == "different"


def test_an_image_whose_digest_nobody_knows_is_not_called_equal():
    unknown = repeated_image("inside", ("key", ""), ("key", ""))
    assert (unknown.sameness, unknown.why) == ("within-tolerance", "its digest is not known (the same content key)")


def test_a_model_of_other_bytes_counts_by_its_metrics():
    near = repeated_metrics({"loss": 1.0}, {"loss": 1.001}, PERCENT)
    far = repeated_metrics({"loss": 1.0}, {"loss": 2.0}, PERCENT)
    before, after = {"model.safetensors": "1"}, {"model.safetensors": "2"}
    assert repeated_model(before, before, far)[0].sameness == "equal"
    assert repeated_model(before, after, near)[0].sameness == "within-tolerance"
    assert repeated_model(before, after, far)[0].sameness == "different"
    assert repeated_model(before, after, ())[0].sameness == "different", "there is nothing to judge it by"
    assert repeated_model(before, {}, near)[0].sameness == "different"


def test_the_worst_result_is_the_verdict():
    equal, different = repeated_digest("data", "data", "1", "1"), repeated_digest("data", "data", "1", "2")
    within = repeated_image("train", ("key", "1"), ("key", "2"))
    assert worst([equal, within]) == "within-tolerance"
    assert worst([different, equal]) == "different"
    assert worst([]) == "equal"
