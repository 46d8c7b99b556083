"""Metrics in printed lines."""

import math

import pytest

from mlops_ci.guest.output.printed import PatternError, PrintedMetrics, Sighting


def test_the_step_is_the_count_of_that_metric():
    printed = PrintedMetrics({"loss": r"loss: ([\d.]+)", "f1": r"f1: ([\d.]+)"}, {"loss": 10})
    assert printed.find("loss: 0.5") == [Sighting(11, {"loss": 0.5})]
    assert printed.find("nothing") == []
    assert printed.find("loss: 0.4 f1: 0.1") == [Sighting(12, {"loss": 0.4}), Sighting(1, {"f1": 0.1})]


@pytest.mark.parametrize(
    ("pattern", "line", "expected"),
    [
        (r"epoch (?P<epoch>\d+) loss: ([\d.]+)", "epoch 3 loss: 0.5", Sighting(3, {"m": 0.5})),
        (r"step=(?P<step>\d+).*loss=(?P<value>\S+)", "step=7, lr=1, loss=2e-3", Sighting(7, {"m": 2e-3})),
        (r"(?P<value>[\d.]+) at (?P<epoch>\d+)(?: of (\d+))?", "0.5 at 2 of 9", Sighting(2, {"m": 0.5})),
        (r"loss: ([\d.eE+-]+)", "loss: -1.5E-02", Sighting(1, {"m": -0.015})),
    ],
)
def test_named_groups(pattern, line, expected):
    assert PrintedMetrics({"m": pattern}).find(line) == [expected]


@pytest.mark.parametrize(
    ("line", "value"),
    [("loss: nan", "nan"), ("loss: NaN", "nan"), ("loss: inf", "inf"), ("loss: -inf", "-inf"),
     ("loss: Infinity", "inf"), ("loss: nan val_loss: 0.5", "nan")],
)  # fmt: skip
def test_words_for_no_number_are_seen_where_only_digits_are_allowed(line, value):
    found = PrintedMetrics({"loss": r"loss: ([\d.eE+-]+)"}).find(line)[0].values["loss"]
    assert str(found) == value or (math.isnan(found) and value == "nan")


def test_other_words_are_left_alone():
    printed = PrintedMetrics({"loss": r"loss: ([\d.]+)"})
    assert printed.find("nan in loss: 0.5")[0].values == {"loss": 0.5}
    assert printed.find("banana information loss: 0.5")[0].values == {"loss": 0.5}


def test_what_is_no_number_is_counted():
    printed = PrintedMetrics({"loss": r"loss: (\S+)"})
    assert printed.find("loss: high") == []
    assert printed.unreadable == {"loss": 1}


@pytest.mark.parametrize("pattern", ["([", "no group", "(a)(b)", r"(?P<epoch>\d+)"])
def test_an_expression_that_cannot_be_used(pattern):
    with pytest.raises(PatternError, match="the expression of metric m"):
        PrintedMetrics({"m": pattern})


def test_long_lines_are_searched_at_their_beginning():
    printed = PrintedMetrics({"m": r"m=(\d+)"})
    assert printed.find("m=1" + "x" * 100_000)[0].values == {"m": 1.0}
    assert printed.find("x" * 100_000 + "m=1") == []
