"""Which difference counts as a shift: large enough to matter, and larger than chance."""

from __future__ import annotations

import csv
import random

import pytest

from mlops_ci.nightly.drift import compare
from mlops_ci.nightly.profile import profile_of


@pytest.fixture
def table(tmp_path):
    """Makes the profile of a table with a number, a label and a text; seeded."""
    made = []

    def make(*, rows=1000, mean=0.0, spread=1.0, label=0.5, missing=0.0, seed=0, drop=(), word=None):
        noise = random.Random(seed)
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(folder)
        with (folder / "data.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, [name for name in ("x", "label", "name") if name not in drop])
            writer.writeheader()
            for number in range(rows):
                x = "" if noise.random() < missing else word or noise.gauss(mean, spread)
                row = {"x": x, "label": int(noise.random() < label), "name": f"n{number}"}
                writer.writerow({name: value for name, value in row.items() if name not in drop})
        return profile_of(folder, run=f"run-{len(made)}", data_digest=None)

    return make


def shifted(found):
    return {(one.column, one.test) for one in found.tests if one.status == "shifted"}


def test_the_same_population_has_not_shifted(table):
    for seed in range(1, 21):
        found = compare(table(rows=300), table(rows=300, seed=seed))
        assert (found.verdict, shifted(found)) == ("same", set()), seed
    assert "no column has shifted since run run-" in found.why
    assert found.passed > 5


def test_a_shift_of_the_mean_is_seen_by_three_tests(table):
    found = compare(table(), table(mean=0.6, seed=1))
    assert shifted(found) == {("x", "mean"), ("x", "ks"), ("x", "psi")}
    assert found.verdict == "shifted"
    assert found.reference == "run-1"
    assert found.why == "1 of 3 columns have shifted since run run-1: x"
    (mean,) = [one for one in found.tests if one.test == "mean"]
    assert mean.value == pytest.approx(0.6, abs=0.1)
    assert mean.limit == 0.25
    assert "mean" in mean.why


def test_a_wider_spread_with_the_same_mean(table):
    assert ("x", "spread") in shifted(compare(table(), table(spread=2.0, seed=1)))


def test_the_share_of_a_label(table):
    found = compare(table(), table(label=0.8, seed=1))
    assert shifted(found) == {("label", "share"), ("label", "psi")}
    (share,) = [one for one in found.tests if one.test == "share"]
    assert "now 80" in share.why or "now 79" in share.why or "now 81" in share.why


def test_values_that_are_missing_now(table):
    assert ("x", "missing") in shifted(compare(table(), table(missing=0.3, seed=1)))


def test_columns_that_came_went_or_hold_something_else(table):
    found = compare(table(drop=("label",)), table(drop=("name",)))
    whys = {one.column: one.why for one in found.tests if one.test == "columns"}
    assert whys == {"label": "there was no such column", "name": "the column is gone"}
    found = compare(table(), table(word="high"))
    assert {one.why for one in found.tests if one.status == "shifted"} == {"it held numbers, and holds words"}


def test_a_large_table_does_not_make_a_small_difference_matter(table):
    assert compare(table(rows=20_000), table(rows=20_000, mean=0.1, seed=1)).verdict == "same"


def test_too_few_rows_say_nothing(table):
    found = compare(table(), table(rows=40, mean=9.0, seed=1))
    assert ("x", "psi", "SKIP") in {(one.column, one.test, one.status) for one in found.tests}
    assert not {test for column, test in shifted(found) if column == "x"}


def test_a_constant_that_changes_has_shifted(table):
    found = compare(table(spread=0.0, mean=100.5), table(spread=0.0, mean=101.5))
    assert ("x", "mean") in shifted(found) or ("x", "ks") in shifted(found)


def test_without_tables_or_an_earlier_night_nothing_is_known(table, tmp_path):
    first = compare(None, table())
    assert (first.verdict, first.reference) == ("unknown", None)
    assert "is the first" in first.why
    (tmp_path / "empty").mkdir()
    none = compare(table(), profile_of(tmp_path / "empty", run="r", data_digest=None))
    assert none.verdict == "unknown"
    assert "nothing could be compared" in none.why
