"""Schedules: which moments they mean, around changes of the clock, at the ends of months, and what is no schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_ci.cron import CronError, parse

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")]


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def upcoming(text, after, zone, count):
    cron, moment, found = parse(text), utc(after), []
    for _ in range(count):
        moment = cron.next(moment, zone)
        found.append(f"{moment:%m-%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("0 2 * * *", "2026-11-25 01:59", ["11-25 02:00", "11-26 02:00"]),
        ("0 2 * * *", "2026-11-25 02:00", ["11-26 02:00", "11-27 02:00"]),
        ("*/20 6-7 * * *", "2026-11-25 06:30", ["11-25 06:40", "11-25 07:00", "11-25 07:20", "11-25 07:40"]),
        ("5,35 0 * * *", "2026-11-30 00:05", ["11-30 00:35", "12-01 00:05"]),
        ("0 3 * * mon-fri", "2026-11-27 03:00", ["11-30 03:00", "12-01 03:00"]),
        ("0 3 * * 7", "2026-11-25 00:00", ["11-29 03:00"]),
        ("0 3 * * SUN", "2026-11-25 00:00", ["11-29 03:00"]),
        ("0 0 1 jan,jul *", "2026-11-25 00:00", ["01-01 00:00", "07-01 00:00"]),
        ("30 4/8 * * *", "2026-11-25 00:00", ["11-25 04:30", "11-25 12:30", "11-25 20:30"]),
        # The ends of months: only those that have the day, and 29 February only in leap years.
        ("0 1 31 * *", "2027-01-31 02:00", ["03-31 01:00", "05-31 01:00", "07-31 01:00", "08-31 01:00"]),
        ("0 1 30 * *", "2027-01-30 02:00", ["03-30 01:00"]),
        ("0 0 28-31 * *", "2027-02-28 00:00", ["03-28 00:00"]),
        # Both day fields restrict: either is enough. A step over the star restricts beside the other field.
        ("0 0 13 * 5", "2026-11-09 00:00", ["11-13 00:00", "11-20 00:00", "11-27 00:00", "12-04 00:00"]),
        ("0 0 */2 * 5", "2026-11-09 00:00", ["11-13 00:00", "11-27 00:00"]),
    ],
)
def test_the_moments_of_a_schedule(text, after, expected):
    assert upcoming(text, after, ZoneInfo("UTC"), len(expected)) == expected


def test_leap_days_are_found_over_a_century_without_one():
    cron = parse("0 0 29 2 *")
    assert cron.next(utc("2026-01-01"), ZoneInfo("UTC")) == utc("2028-02-29")
    assert cron.next(utc("2096-03-01"), ZoneInfo("UTC")) == utc("2104-02-29")
    assert cron.previous(utc("2104-02-28"), ZoneInfo("UTC")) == utc("2096-02-29")
    # A star with a step restricts beside the other field: Sundays that are a 29 February.
    assert parse("0 0 29 2 */7").next(utc("2184-03-01"), ZoneInfo("UTC")) == utc("2224-02-29")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # 2026-03-29 in Berlin: from 02:00 (01:00 UTC) at once to 03:00.
        ("30 2 * * *", ["03-28 01:30", "03-29 01:00", "03-30 00:30"]),
        ("0 2 * * *", ["03-28 01:00", "03-29 01:00", "03-30 00:00"]),
        ("0 3 * * *", ["03-28 02:00", "03-29 01:00", "03-30 01:00"]),
        ("30 2,3 * * *", ["03-28 01:30", "03-28 02:30", "03-29 01:00", "03-29 01:30", "03-30 00:30"]),
        ("0,30 2 * * *", ["03-28 01:00", "03-28 01:30", "03-29 01:00", "03-30 00:00"]),
    ],
)
def test_a_time_that_the_clock_skips_comes_at_the_end_of_the_gap(text, expected):
    assert upcoming(text, "2026-03-27 12:00", BERLIN, len(expected)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # 2026-10-25 in Berlin: at 03:00 (01:00 UTC) back to 02:00.
        ("30 2 * * *", ["10-24 00:30", "10-25 00:30", "10-26 01:30"]),
        ("0 3 * * *", ["10-24 01:00", "10-25 02:00", "10-26 02:00"]),
    ],
)
def test_a_time_that_comes_twice_is_meant_once(text, expected):
    assert upcoming(text, "2026-10-23 12:00", BERLIN, len(expected)) == expected


def test_every_half_hour_is_every_half_hour_whatever_the_clock_does():
    for after in ("2026-03-29 00:10", "2026-10-25 00:10"):
        moments = upcoming("*/30 * * * *", after, BERLIN, 6)
        assert [moment[6:] for moment in moments] == ["00:30", "01:00", "01:30", "02:00", "02:30", "03:00"]


def test_a_gap_of_half_an_hour_ends_where_it_ends():
    # Lord Howe: on 2026-10-04 at 02:00 (15:30 UTC the day before) by half an hour to 02:30.
    assert upcoming("15 2 * * *", "2026-10-03 12:00", ZoneInfo("Australia/Lord_Howe"), 1) == ["10-03 15:30"]


FIELDS = st.tuples(
    st.sampled_from(["0", "*/15", "17", "59"]),
    st.sampled_from(["*", "2", "0,12", "1-3"]),
    st.sampled_from(["*", "1", "31", "28-31"]),
    st.sampled_from(["*", "3,10", "1"]),
    st.sampled_from(["*", "0", "1-5"]),
)
# All moments of three years, with changes of the clock.
MOMENTS = st.integers(min_value=1735689600, max_value=1830297600).map(
    lambda second: datetime.fromtimestamp(second, UTC)
)


@given(fields=FIELDS, moment=MOMENTS, zone=st.sampled_from(ZONES))
def test_next_and_previous_agree(fields, moment, zone):
    cron = parse(" ".join(fields))
    after = cron.next(moment, zone)
    assert after > moment
    assert cron.previous(after, zone) == after
    before = cron.previous(after - timedelta(seconds=1), zone)
    assert before <= moment, "nothing lies between a moment and the next"
    assert cron.next(before, zone) == after


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "five fields"),
        ("0 2 * *", "this has 4"),
        ("0 2 * * * *", "this has 6"),
        ("@daily", "five fields"),
        ("60 2 * * *", "minute: `60`"),
        ("0 24 * * *", "hour: `24`"),
        ("0 2 0 * *", "day of the month: `0`"),
        ("0 2 * 13 *", "month: `13`"),
        ("0 2 * * 8", "day of the week: `8`"),
        ("0 2 * * funday", "funday"),
        ("0 5-2 * * *", "ends before it begins"),
        ("*/0 * * * *", "step"),
        ("1,,2 * * * *", "minute"),
        ("-1 * * * *", "minute"),
        ("0 2 31 2 *", "never run"),
        ("0 2 31 4,6 *", "never run"),
        ("*-5 * * * *", "no range"),
    ],
)
def test_what_is_no_schedule_is_told_by_field(text, part):
    with pytest.raises(CronError, match=part):
        parse(text)


def test_a_day_that_a_month_lacks_is_fine_beside_a_weekday():
    assert upcoming("0 2 31 2 1", "2026-02-01 00:00", ZoneInfo("UTC"), 1) == ["02-02 02:00"]
