"""What the stamps say of a schedule, as a table: due at 02:00 UTC, one hour to start, four to end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mlops_ci import cron
from mlops_ci.nightly.stamps import Ended, Memory, Started
from mlops_ci.nightly.status import FINE, STATES, Expectation, judge
from mlops_ci.run.clock import parse, stamp

RULE = Expectation(
    cron=cron.parse("0 2 * * *"), zone=ZoneInfo("UTC"), within=timedelta(hours=1), longest=timedelta(hours=4)
)


def at(text):
    day, _, clock = text.partition(" ")
    return datetime.fromisoformat(f"2026-11-{day}T{clock}:00+00:00")


def start(text, run="r"):
    return Started(run=run, at=stamp(at(text)), host="h")


def end(begun, text, result="passed", code=0, run="r", reason=""):
    return Ended(run=run, started_at=stamp(at(begun)), at=stamp(at(text)), result=result, exit_code=code, reason=reason)


ON_TIME = Memory(started=start("25 02:05"), ended=end("25 02:05", "25 03:00"))
FAILED = Memory(started=start("25 02:05"), ended=end("25 02:05", "25 03:00", "failed", 20, reason="train: it broke"))
RUNS = Memory(started=start("25 02:05"), ended=end("24 02:05", "24 03:00", run="q"))

TABLE = [
    # memory, now, state, when it was due
    (Memory(), "25 12:00", "never ran", "25 02:00"),
    (Memory(), "25 02:30", "never ran", "24 02:00"),
    (ON_TIME, "25 12:00", "on time", "25 02:00"),
    (ON_TIME, "26 01:59", "on time", "25 02:00"),
    # The next one is due, and may still start.
    (ON_TIME, "26 02:00", "on time", "25 02:00"),
    (ON_TIME, "26 03:00", "on time", "25 02:00"),
    (ON_TIME, "26 03:01", "missed", "26 02:00"),
    (ON_TIME, "30 12:00", "missed", "30 02:00"),
    (FAILED, "25 12:00", "failed", "25 02:00"),
    (FAILED, "26 02:30", "failed", "25 02:00"),
    (FAILED, "26 04:00", "missed", "26 02:00"),
    (RUNS, "25 03:00", "running", "25 02:00"),
    (RUNS, "25 06:05", "running", "25 02:00"),
    (RUNS, "25 06:06", "running too long", "25 02:00"),
    # A night that had nothing to do is a night that ran.
    (
        Memory(started=start("25 02:00"), ended=end("25 02:00", "25 02:01", "skipped", reason="nothing is new")),
        "25 12:00",
        "on time",
        "25 02:00",
    ),
    # Late: the start was late, the rest is well. It is late as long as nothing else is wrong.
    (Memory(started=start("25 03:01"), ended=end("25 03:01", "25 04:00")), "25 12:00", "late", "25 02:00"),
    (Memory(started=start("25 03:00"), ended=end("25 03:00", "25 04:00")), "25 12:00", "on time", "25 02:00"),
    (
        Memory(started=start("25 09:00"), ended=end("25 09:00", "25 10:00", "failed", 1)),
        "25 12:00",
        "failed",
        "25 02:00",
    ),
    (Memory(started=start("25 09:00")), "25 09:30", "running", "25 02:00"),
    # Two machines' clocks: a minute too early is on time, and an end that seems to lie before its start is its end.
    (Memory(started=start("25 01:59"), ended=end("25 01:59", "25 03:00")), "25 12:00", "on time", "25 02:00"),
    (
        Memory(started=start("25 02:01"), ended=end("25 02:01", "25 02:00", "skipped")),
        "25 12:00",
        "on time",
        "25 02:00",
    ),
    # Somebody ran it by hand in the evening: that is not the night's run.
    (Memory(started=start("24 20:00"), ended=end("24 20:00", "24 21:00")), "25 03:30", "missed", "25 02:00"),
    # The same run, started once more after its end (a job that was run again).
    (
        Memory(started=start("25 05:00"), ended=end("25 02:05", "25 03:00", "failed", 10)),
        "25 05:30",
        "running",
        "25 02:00",
    ),
    # The start could not be stamped, the end could.
    (Memory(ended=end("25 02:05", "25 03:00")), "25 12:00", "on time", "25 02:00"),
    # Killed in the first night, and the schedule died with its machine.
    (Memory(started=start("24 02:05")), "25 12:00", "missed", "25 02:00"),
]


@pytest.mark.parametrize(("memory", "now", "state", "due"), TABLE)
def test_the_table_of_states(memory, now, state, due):
    found = judge(memory, RULE, at(now))
    assert (found.state, found.expected_at) == (state, stamp(at(due)))
    assert found.exit_code == (0 if state in {"on time", "late", "running"} else 1)
    assert found.next_at is not None
    assert parse(found.next_at) > parse(found.expected_at)


def test_every_state_is_in_the_table():
    assert {row[2] for row in TABLE} == set(STATES)
    assert set(STATES) > FINE


def test_the_words_say_what_happened():
    assert "exit code 20: train: it broke" in judge(FAILED, RULE, at("25 12:00")).why
    assert "due 2026-11-26 02:00 UTC" in judge(ON_TIME, RULE, at("26 12:00")).why
    assert "without an end" in judge(Memory(started=start("24 02:05")), RULE, at("25 12:00")).why
    late = judge(Memory(started=start("25 03:30"), ended=end("25 03:30", "25 04:00")), RULE, at("25 12:00"))
    assert "1 h 30 min after its time" in late.why
    assert late.delay == 5400


def test_the_zone_decides_when_it_is_due():
    """02:30 in Berlin on the day on which the clock skips it is 01:00 UTC."""
    rule = Expectation(
        cron=cron.parse("30 2 * * *"),
        zone=ZoneInfo("Europe/Berlin"),
        within=timedelta(hours=1),
        longest=timedelta(hours=4),
    )
    moment = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)
    began = stamp(datetime(2026, 3, 29, 1, 1, tzinfo=UTC))
    memory = Memory(started=Started(run="r", at=began, host="h"))
    assert judge(memory, rule, moment + timedelta(minutes=5)).delay == 60
    assert judge(memory, rule, moment + timedelta(minutes=5)).expected_at == "2026-03-29T01:00:00.000Z"


@pytest.mark.parametrize(
    ("memory", "now", "state"),
    [
        (Memory(), "25 12:00", "never ran"),
        (ON_TIME, "26 02:05", "on time"),
        (ON_TIME, "26 02:06", "missed"),
        (FAILED, "25 12:00", "failed"),
        (RUNS, "25 12:00", "running too long"),
    ],
)
def test_without_a_schedule_the_time_since_the_last_start_counts(memory, now, state):
    rule = Expectation(cron=None, zone=ZoneInfo("UTC"), within=timedelta(days=1), longest=timedelta(hours=4))
    found = judge(memory, rule, at(now))
    assert (found.state, found.expected_at, found.next_at) == (state, None, None)


def test_a_schedule_that_comes_more_often_than_a_run_may_be_late():
    """Every ten minutes, an hour to start: a run 50 minutes ago is none that is missed."""
    rule = Expectation(
        cron=cron.parse("*/10 * * * *"), zone=ZoneInfo("UTC"), within=timedelta(hours=1), longest=timedelta(hours=4)
    )
    assert judge(ON_TIME, rule, at("25 03:05")).state == "on time"
    assert judge(ON_TIME, rule, at("25 03:10")).state == "on time"
    assert judge(ON_TIME, rule, at("25 03:11")).state == "missed"
