"""What the stamps say of a schedule: on time, late, missed, failed, running, running too long, never ran."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from mlops_ci.cron import Cron
from mlops_ci.nightly.stamps import Ended, Memory, Started
from mlops_ci.resources import read_toml
from mlops_ci.run.clock import parse, stamp

State = Literal["on time", "late", "running", "missed", "failed", "running too long", "never ran"]
STATES: tuple[State, ...] = ("on time", "late", "running", "missed", "failed", "running too long", "never ran")
FINE: frozenset[State] = frozenset({"on time", "late", "running"})


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """When runs are due: `cron` may be None, then `within` is the longest time between two starts."""

    cron: Cron | None
    zone: ZoneInfo
    within: timedelta
    longest: timedelta


@dataclass(frozen=True, kw_only=True)
class Status:
    """The verdict. Times are as stamps write them, null where unknown; `delay` is the start's, in seconds."""

    state: State
    why: str
    expected_at: str | None = None
    next_at: str | None = None
    delay: float | None = None

    @property
    def exit_code(self) -> int:
        """0 when all is well, 1 when somebody must look."""
        return 0 if self.state in FINE else 1


def judge(memory: Memory, expected: Expectation, now: datetime) -> Status:
    """The schedule's state at `now`: whether a run has started since the newest time that is over, and how it went."""
    last = _last_start(memory)
    if expected.cron is None:
        return _without_schedule(memory, expected, now, last)
    skew = timedelta(seconds=read_toml("nightly.toml")["clock"]["skew"])
    upcoming = stamp(expected.cron.next(now, expected.zone))
    # What may still start is not judged yet.
    overdue = expected.cron.previous(now - expected.within - timedelta(microseconds=1), expected.zone)
    if last is None:
        return Status(state="never ran", why="no run has left a stamp", expected_at=stamp(overdue), next_at=upcoming)
    if last < overdue - skew:
        why = f"due {_shown(overdue, expected.zone)}, and the last run began {_shown(last, expected.zone)}"
        if memory.started is not None and _runs(memory.started, memory.ended):
            why += ", without an end so far"
        return Status(state="missed", why=why, expected_at=stamp(overdue), next_at=upcoming)
    due = expected.cron.previous(last + skew, expected.zone)
    delay = max(0.0, (last - due).total_seconds())
    state, why = _course(memory, expected, now, last)
    if state == "on time" and delay > expected.within.total_seconds():
        state, why = "late", f"began {_span(timedelta(seconds=delay))} after its time; {why}"
    return Status(state=state, why=why, expected_at=stamp(due), next_at=upcoming, delay=delay)


def _without_schedule(memory: Memory, expected: Expectation, now: datetime, last: datetime | None) -> Status:
    if last is None:
        return Status(state="never ran", why="no run has left a stamp")
    if now - last > expected.within:
        return Status(state="missed", why=f"the last run began {_span(now - last)} ago")
    state, why = _course(memory, expected, now, last)
    return Status(state=state, why=why)


def _course(memory: Memory, expected: Expectation, now: datetime, last: datetime) -> tuple[State, str]:
    """How the run that began last goes, or how it ended."""
    started, ended = memory.started, memory.ended
    if started is not None and _runs(started, ended):
        if now - last > expected.longest:
            return "running too long", f"run {started.run} began {_span(now - last)} ago and has not ended"
        return "running", f"run {started.run} began {_span(now - last)} ago"
    assert ended is not None  # noqa: S101  # for the type checker: there was a start, and it is not running
    said = f"run {ended.run} ended {_shown(parse(ended.at), expected.zone)}"
    if ended.result == "failed":
        return "failed", f"{said} with exit code {ended.exit_code}{f': {ended.reason}' if ended.reason else ''}"
    return "on time", f"{said}: {ended.result}{f' ({ended.reason})' if ended.reason else ''}"


def _runs(started: Started, ended: Ended | None) -> bool:
    """Whether the run that was started last has not ended. Of one run, an end tells the start that it belongs to."""
    if ended is None:
        return True
    return parse(started.at) > parse(ended.started_at if ended.run == started.run else ended.at)


def _last_start(memory: Memory) -> datetime | None:
    found = [memory.started.at] if memory.started else []
    found += [memory.ended.started_at] if memory.ended else []
    return max(map(parse, found), default=None)


def _shown(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def _span(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    days, rest = divmod(minutes, 1440)
    hours, rest = divmod(rest, 60)
    words = [f"{days} d"] * bool(days) + [f"{hours} h"] * bool(hours) + [f"{rest} min"] * (not days)
    return " ".join(words)
