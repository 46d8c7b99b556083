"""Has a night something to do? Every part is named that is new, and every reason to run or not to run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mlops_ci.nightly.freshness import PARTS, decide
from mlops_ci.nightly.stamps import Ended
from mlops_ci.run.clock import stamp
from mlops_ci.settings.units import Duration

NOW = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
WEEK = Duration(7 * 86400)
TODAY = {name: f"{name} 1" for name in PARTS}


def last(parts=TODAY, age=timedelta(days=1)):
    at = stamp(NOW - age)
    return Ended(run="20261124-020000-aaaaaa", started_at=at, at=at, result="passed", exit_code=0, parts=parts)


def found(parts=TODAY, before=None, **more):
    return decide(parts, before, **{"now": NOW, "max_age": WEEK, "forced": None, **more})


def test_the_first_night_runs():
    first = found()
    assert first.due
    assert "no earlier successful run" in first.why
    assert first.last_run is None


def test_nothing_new_says_what_is_the_same_since_which_run():
    idle = found(before=last())
    assert not idle.due
    assert idle.unchanged == PARTS
    for word in (*PARTS, "20261124-020000-aaaaaa", "2026-11-24 02:00 UTC"):
        assert word in idle.why
    assert idle.last_run == "20261124-020000-aaaaaa"


@pytest.mark.parametrize("changed", [("data",), ("code", "image"), ("image", "base image"), ("settings",), PARTS])
def test_every_part_that_is_new_is_named(changed):
    parts = {name: f"{name} 2" if name in changed else one for name, one in TODAY.items()}
    due = found(parts, before=last())
    assert due.due
    assert due.changed == changed
    assert due.why.endswith(": " + ", ".join(changed))
    assert set(due.unchanged) == set(PARTS) - set(changed)


def test_a_part_that_the_last_run_did_not_know_is_new():
    before = last({name: one for name, one in TODAY.items() if name != "base image"})
    assert found(before=before).changed == ("base image",)


def test_data_that_only_fetching_can_tell_is_never_taken_for_the_same():
    unknown = found({**TODAY, "data": None}, before=last({**TODAY, "data": None}))
    assert unknown.due
    assert "fetching" in unknown.why
    assert "data" not in unknown.unchanged


@pytest.mark.parametrize(
    ("age", "due"), [(timedelta(days=7), False), (timedelta(days=7, seconds=1), True), (timedelta(days=-1), False)]
)
def test_an_old_success_forces_a_run(age, due):
    old = found(before=last(age=age))
    assert old.due is due
    assert ("forced by age" in old.why) is due
    assert not old.changed


def test_who_asks_for_it_gets_it():
    forced = found(before=last(), forced="asked for by --force")
    assert forced.due
    assert "--force" in forced.why
    assert "--force" in found(forced="asked for by --force").why
