"""The five fields of a cron schedule in a time zone: which moments they mean, also where clocks are changed.

A fixed hour that is skipped when clocks go forward runs at the end of the gap; one that comes twice when they go back
runs once, the first time. With `*` for the hour the schedule follows the real time: no extra run, and none left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# A 29 February that is a Monday comes back within 40 years (2072, 2112): nothing is rarer.
FARTHEST = 41 * 366
PART = re.compile(r"(?P<first>\*|[a-z0-9]+)(?:-(?P<last>[a-z0-9]+))?(?:/(?P<step>[0-9]+))?")


class CronError(ValueError):
    """The text is no schedule of five fields; says which field and why."""


@dataclass(frozen=True, kw_only=True)
class _Field:
    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()


FIELDS = (
    _Field(name="minute", lowest=0, highest=59),
    _Field(name="hour", lowest=0, highest=23),
    _Field(name="day of the month", lowest=1, highest=31),
    _Field(name="month", lowest=1, highest=12, names=MONTHS),
    _Field(name="day of the week", lowest=0, highest=7, names=DAYS),
)


@dataclass(frozen=True, kw_only=True)
class Cron:
    """A schedule. `any_hour`, `any_day`, `any_weekday` say which of these fields begin with `*`."""

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_hour: bool
    any_day: bool
    any_weekday: bool

    def next(self, after: datetime, zone: ZoneInfo) -> datetime:
        """The first moment (UTC) later than `after`."""
        for moment in self._moments(after.astimezone(zone).date() - timedelta(days=1), zone, 1):
            if moment > after:
                return moment
        raise AssertionError(f"{self.text} was accepted and never comes")

    def previous(self, at: datetime, zone: ZoneInfo) -> datetime:
        """The last moment (UTC) that is not later than `at`."""
        for moment in self._moments(at.astimezone(zone).date() + timedelta(days=1), zone, -1):
            if moment <= at:
                return moment
        raise AssertionError(f"{self.text} was accepted and never came")

    def _moments(self, day: date, zone: ZoneInfo, step: int) -> Iterator[datetime]:
        for _ in range(FARTHEST + 2):
            if self._fits(day):
                yield from sorted(self._of_day(day, zone), reverse=step < 0)
            day += timedelta(days=step)

    def _fits(self, day: date) -> bool:
        """Both day fields restrict: either is enough. A field with a star restricts together with the other."""
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        either = not self.any_day and not self.any_weekday
        return day.month in self.months and ((in_month or in_week) if either else (in_month and in_week))

    def _of_day(self, day: date, zone: ZoneInfo) -> set[datetime]:
        found: set[datetime] = set()
        for hour in self.hours:
            for minute in self.minutes:
                wall = datetime.combine(day, time(hour, minute))
                found.update(_moments_of(wall, zone, any_hour=self.any_hour))
        return found


def parse(text: str) -> Cron:
    """The schedule that the text says. Raises `CronError`."""
    words = text.lower().split()
    if len(words) != len(FIELDS):
        raise CronError(
            f"a schedule has five fields (minute, hour, day, month, day of the week), this has {len(words)}"
        )
    minutes, hours, days, months, weekdays = (_values(word, field) for word, field in zip(words, FIELDS, strict=True))
    cron = Cron(
        text=text,
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=frozenset(days),
        months=frozenset(months),
        weekdays=frozenset(day % 7 for day in weekdays),
        any_hour=words[1].startswith("*"),
        any_day=words[2].startswith("*"),
        any_weekday=words[4].startswith("*"),
    )
    if not cron.any_weekday and not cron.any_day:
        return cron
    if min(days) > max(_longest(month) for month in months):
        raise CronError("the day does not exist in that month: it would never run")
    return cron


def _longest(month: int) -> int:
    return 29 if month == 2 else 30 if month in {4, 6, 9, 11} else 31


def _values(word: str, field: _Field) -> set[int]:
    found: set[int] = set()
    for part in word.split(","):
        match = PART.fullmatch(part)
        if match is None:
            raise CronError(f"{field.name}: `{part}` is no number, range, list or step")
        step = int(match["step"] or 1)
        if step == 0:
            raise CronError(f"{field.name}: the step of `{part}` is 0")
        if match["first"] == "*":
            if match["last"]:
                raise CronError(f"{field.name}: `{part}` is no range")
            first, last = field.lowest, field.highest
        else:
            first = _number(match["first"], field)
            last = _number(match["last"], field) if match["last"] else field.highest if match["step"] else first
        if first > last:
            raise CronError(f"{field.name}: `{part}` ends before it begins")
        found.update(range(first, last + 1, step))
    return found


def _number(word: str, field: _Field) -> int:
    if word in field.names:
        return field.names.index(word) + (1 if field.lowest == 1 else 0)
    if not word.isdigit() or not field.lowest <= int(word) <= field.highest:
        raise CronError(f"{field.name}: `{word}` is not in {field.lowest}-{field.highest}")
    return int(word)


def _moments_of(wall: datetime, zone: ZoneInfo, *, any_hour: bool) -> Iterator[datetime]:
    """The real moments of a time on the clock: one, two when clocks go back, none (see above) when they go forward."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        yield first
    elif first < second:
        yield first
        if any_hour:
            yield second
    elif not any_hour:
        yield _end_of_gap(second, first, zone)


def _end_of_gap(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The moment between the two at which the zone's offset changes."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=int((after - before).total_seconds()) // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
