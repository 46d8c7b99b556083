"""Durations and sizes: what people may write, and that writing one down loses nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_ci.settings.units import DURATION, LARGEST_BYTES, LONGEST_SECONDS, Duration, Size


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(90, 90), (0.5, 0.5), ("30s", 30), ("15m", 900), ("1.5h", 5400), ("2 d", 172800), (" 1d ", 86400)],
)
def test_durations(value, seconds):
    assert Duration.parse(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        "0s",
        "",
        "5",
        "5 weeks",
        "1h30m",
        "-1s",
        True,
        None,
        [],
        float("nan"),
        float("inf"),
        "9" * 400 + "d",
        10**400,
        "١s",
    ],
)
def test_no_durations(value):
    with pytest.raises(ValueError, match="expected seconds as a positive number"):
        Duration.parse(value)


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (1, 1),
        ("512", 512),
        ("512m", 512 << 20),
        ("8g", 8 << 30),
        ("8GiB", 8 << 30),
        ("8GB", 8 << 30),
        ("1.5g", 3 << 29),
        ("1 T", 1 << 40),
    ],
)
def test_sizes(value, size):
    assert Size.parse(value) == size


@pytest.mark.parametrize("value", [0, -1, 1.5, "0", "", "g", "8x", True, None, "9" * 400 + "t", 10**400])
def test_no_sizes(value):
    with pytest.raises(ValueError, match="expected bytes as a positive whole number"):
        Size.parse(value)


@given(st.floats(min_value=1e-300, max_value=LONGEST_SECONDS))
def test_a_written_duration_is_the_same_duration(seconds):
    assert Duration.parse(Duration(seconds).written) == seconds


@given(st.integers(min_value=1, max_value=LARGEST_BYTES))
def test_a_written_size_is_the_same_size(size):
    assert Size.parse(Size(size).written) == size


def test_written_uses_the_largest_unit():
    assert [Duration(one).written for one in (30, 60, 90, 3600, 172800, 0.25)] == [
        "30s",
        "1m",
        "90s",
        "1h",
        "2d",
        "0.25s",
    ]
    assert [Size(one).written for one in (1, 1024, 1536 << 20, 8 << 30)] == ["1", "1k", "1536m", "8g"]


def test_the_expression_has_nothing_that_javascript_lacks():
    assert not re.search(r"\(\?P", DURATION.pattern)
