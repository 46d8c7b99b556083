"""Numbers, times and text for people."""

import math

import pytest

from mlops_ci.reporting.format import between, clean, counted, duration, moment, number, one_line, short, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.04, "0.0 s"),
        (12.34, "12.3 s"),
        (59.94, "59.9 s"),
        (59.97, "1 min"),
        (184, "3 min 4 s"),
        (3599.6, "1 h"),
        (7500, "2 h 5 min"),
        (86_399, "1 d"),
        (273_600, "3 d 4 h"),
        (-90, "-1 min 30 s"),
        (math.nan, "unknown"),
        (math.inf, "unknown"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (999.6, "1.0 kB"),
        (1_200_000_000, "1.2 GB"),
        (99_960_000, "100 MB"),
        (999_600_000, "1.0 GB"),
        (3e18, "3000 PB"),
    ],
)
def test_sizes(count, text):
    assert size(count) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.914213562, "0.91421"),
        (70_004, "70004"),
        (3.0, "3"),
        (1.2e-05, "1.2e-05"),
        (1e12, "1e+12"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (None, "–"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


def test_times_are_utc_whatever_zone_they_were_written_in():
    assert moment("2026-11-22T04:06:41+01:00") == "2026-11-22 03:06:41 UTC"
    assert moment("2026-11-22T03:15:09.412Z") == "2026-11-22 03:15:09 UTC"
    assert moment("2026-11-22T03:15:09") == "2026-11-22 03:15:09 UTC"
    assert moment("soon") == "soon"
    assert moment(None) == "–"


def test_text_loses_control_characters_and_turned_directions():
    assert clean("\x1b[31mred\x1b[0m\x00\u202etxt.exe") == "redtxt.exe"


def test_one_line_is_cut_with_an_ellipsis():
    assert one_line("  a\n\n b \r\nc ") == "a b c"
    assert one_line("abcdef", 4) == "abc…"


def test_small_words():
    assert counted(1, "image") == "1 image"
    assert counted(2, "image") == "2 images"
    assert short("sha256:" + "ab" * 32) == "abababababab"
    assert between((0.01, 0.03)) == "0.01 to 0.03"
    assert between(None) == "–"
    assert short(None) == "–"
