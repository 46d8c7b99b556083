"""The metrics for Prometheus: one state is 1, what is unknown is left out, odd names are escaped."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mlops_ci.nightly.prometheus import text
from mlops_ci.nightly.stamps import Ended, Memory, Started
from mlops_ci.nightly.status import STATES, Status

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
AT = "2026-11-25T02:05:00.000Z"


def samples(lines):
    return dict(line.rsplit(" ", 1) for line in lines.splitlines() if not line.startswith("#"))


@pytest.mark.parametrize("state", STATES)
def test_the_state_is_the_one_that_is_1(state):
    found = samples(text("digits", "nightly", Status(state=state, why=""), Memory(), NOW))
    states = {name: value for name, value in found.items() if name.startswith("mlops_ci_nightly_state")}
    assert len(states) == len(STATES) + 1
    assert [name for name, value in states.items() if value == "1"] == [
        f'mlops_ci_nightly_state{{project="digits",mode="nightly",state="{state}"}}'
    ]


def test_a_store_that_cannot_be_asked_is_a_state_of_its_own():
    found = samples(text("digits", "nightly", None, Memory(), NOW))
    assert found['mlops_ci_nightly_state{project="digits",mode="nightly",state="unknown"}'] == "1"
    assert found['mlops_ci_nightly_checked_timestamp_seconds{project="digits",mode="nightly"}'] == "1795608000.0"
    assert not [name for name in found if "last" in name or "expected" in name]


def test_times_and_the_exit_code():
    failed = Ended(run="r", started_at=AT, at="2026-11-25T03:00:00.000Z", result="failed", exit_code=20)
    memory = Memory(started=Started(run="r", at=AT, host="h"), ended=failed)
    found = samples(text("digits", "nightly", Status(state="failed", why="", expected_at=AT), memory, NOW))
    about = '{project="digits",mode="nightly"}'
    assert found[f"mlops_ci_nightly_last_exit_code{about}"] == "20"
    assert found[f"mlops_ci_nightly_last_start_timestamp_seconds{about}"] == "1795572300.0"
    assert found[f"mlops_ci_nightly_last_end_timestamp_seconds{about}"] == "1795575600.0"
    assert f"mlops_ci_nightly_last_success_timestamp_seconds{about}" not in found


def test_a_mode_of_any_name_stays_one_label():
    found = text("digits", 'a"b\\c\nd', Status(state="on time", why=""), Memory(), NOW)
    assert 'mode="a\\"b\\\\c\\nd"' in found
    assert len(found.splitlines()) == len(STATES) + 1 + 2 + 2 + 1
