"""`mlops-ci nightly`: the state of the schedule, a word to the dead man's switch, the champion on fresh data."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import click

from mlops_ci import cron
from mlops_ci.commands.invocation import open_session
from mlops_ci.commands.options import Options, load_settings
from mlops_ci.commands.outputs import of_run
from mlops_ci.commands.voice import new_console, new_provider
from mlops_ci.errors import GateError, MissingError, MlopsError, UncheckedError, UsageError
from mlops_ci.files import write_atomic
from mlops_ci.nightly import prometheus as metrics
from mlops_ci.nightly.ping import Word
from mlops_ci.nightly.stamps import Memory
from mlops_ci.nightly.status import Expectation, Status, judge
from mlops_ci.records.codec import to_json
from mlops_ci.run.clock import now, stamp
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.settings import Settings
from mlops_ci.settings.units import Duration
from mlops_ci.stages.decay import run_decay
from mlops_ci.stages.decisions import NIGHTLY
from mlops_ci.stages.events import of_decay, of_schedule
from mlops_ci.stages.night import Night, stamps
from mlops_ci.stages.telling import tell_of_watch

WEEKLY = "weekly"
STATUS_SCHEMA = "mlops-ci/nightly-status/1"
MARKS = {0: "✓", 1: "✗"}


class NoScheduleError(UsageError):
    """Nothing says when a nightly is due."""


class ScheduleUnknownError(UncheckedError):
    """The store that holds the schedule's stamps could not be asked."""


class MetricsFileError(MissingError):
    """The file for Prometheus cannot be written."""


def status(options: Options, max_delay: str | None, file: Path | None) -> int:
    """Judge the schedule by the stamps in the store, and print it; with `file`, also as Prometheus metrics."""
    settings = load_settings(replace(options, mode=options.mode or NIGHTLY))
    expected = expectation(settings, max_delay)
    moment = now()
    try:
        memory = stamps(settings, Workspace(root=settings.root)).read()
    except MlopsError as error:
        _write(file, settings, None, Memory(), moment)
        raise ScheduleUnknownError(
            f"the stamps of the schedule cannot be read: {error.cause}", hint=error.hint
        ) from error
    found = judge(memory, expected, moment)
    _write(file, settings, found, memory, moment)
    _tell_of_schedule(settings, found)
    click.echo(_as_json(settings, found, memory, moment) if options.json else _as_text(settings, found, memory))
    return found.exit_code


def expectation(settings: Settings, max_delay: str | None) -> Expectation:
    """When runs are due, from `[nightly]`. Without a schedule `max_delay` is the longest time between two starts."""
    table = settings.tables.nightly
    if table.schedule is None and max_delay is None:
        raise NoScheduleError(
            "nothing says when a nightly is due",
            hint="set [nightly] schedule and timezone to those of the CI system, or give --max-delay",
        )
    try:
        within = table.start_within if max_delay is None else Duration.parse(max_delay)
    except ValueError as error:
        raise UsageError(f"--max-delay {max_delay}: {error}", hint="for example --max-delay 2h") from error
    return Expectation(
        cron=cron.parse(table.schedule) if table.schedule is not None else None,
        zone=ZoneInfo(table.timezone),
        within=timedelta(seconds=within),
        longest=timedelta(seconds=table.end_within),
    )


def tell(options: Options, word: str) -> int:
    """Ping the dead man's switch. Whatever is wrong is said, and costs nothing: not even a broken configuration."""
    console = new_console(verbose=False)
    try:
        settings = load_settings(replace(options, mode=options.mode or NIGHTLY))
        night = Night.of(settings, new_provider(), console)
        told = night.tell(next(one for one in get_args(Word) if one == word))
        name = settings.tables.nightly.ping_url
        if told:
            console.say(f"told `{word}`")
        elif not night.environ.get(name, "").strip():
            console.say(f"nobody to tell `{word}`: the variable {name} is not set")
    except Exception as error:  # noqa: BLE001  # a ping never fails what it is a part of
        console.annotate("warning", "ping", f"nobody was told `{word}`: {error}")
    return 0


def decay(options: Options) -> int:
    """Score the champion on today's data, in a run of its own with records and a page; the mode is its schedule."""
    with open_session(replace(options, mode=options.mode or WEEKLY), purpose="decay") as session:
        night = Night.of(session.settings, session.provider, session.console, session.environ)
        night.begin(session.run)
        code = run_decay(session)
        night.end_of(session.run, code)
        evaluated = session.run.record("evaluate")
        if evaluated is not None and code in (0, GateError.exit_code):
            event = of_decay(session.settings, session.provider, decayed=code != 0, why=evaluated.reason)
            tell_of_watch(session.settings, session.provider, event, console=session.console, environ=session.environ)
        for name, value in of_run(session.run, code).items():
            session.provider.set_output(name, value)
        if options.json:
            records = {name: to_json(record) for name, record in session.run.records().items()}
            click.echo(json.dumps({"run": session.run.id, "exit_code": code, "records": records}, indent=2))
    return code


def _tell_of_schedule(settings: Settings, found: Status) -> None:
    """A run that failed has told so itself; that there was none at all, only a look at the schedule can tell."""
    if found.state in ("failed", "running"):
        return
    provider = new_provider()
    console = new_console(verbose=False, provider=provider)
    event = of_schedule(settings, provider, missed=found.exit_code != 0, why=f"{found.state}: {found.why}")
    tell_of_watch(settings, provider, event, console=console, environ=os.environ)


def _write(file: Path | None, settings: Settings, found: Status | None, memory: Memory, moment: datetime) -> None:
    if file is None:
        return
    try:
        write_atomic(file, metrics.text(settings.name, settings.mode or NIGHTLY, found, memory, moment))
    except OSError as error:
        raise MetricsFileError(
            f"{file} cannot be written: {error.strerror}",
            hint="name a file in the folder that the node exporter's textfile collector reads, and may be written here",
        ) from error


def _as_json(settings: Settings, found: Status, memory: Memory, moment: datetime) -> str:
    about = {"project": settings.name, "mode": settings.mode, "checked_at": stamp(moment)}
    verdict = {**to_json(found), "exit_code": found.exit_code}
    return json.dumps({"schema": STATUS_SCHEMA, **about, **verdict, **to_json(memory)}, indent=2)


def _as_text(settings: Settings, found: Status, memory: Memory) -> str:
    lines = [f"{MARKS[found.exit_code]} {settings.name} {settings.mode}: {found.state}: {found.why}"]
    lines += [f"  due      {found.expected_at}"] if found.expected_at else []
    lines += [f"  started  {memory.started.at}  run {memory.started.run}"] if memory.started else []
    lines += [f"  ended    {memory.ended.at}  {memory.ended.result}"] if memory.ended else []
    lines += [f"  trained  {memory.succeeded.at}  run {memory.succeeded.run}"] if memory.succeeded else []
    lines += [f"  next     {found.next_at}"] if found.next_at else []
    return "\n".join(lines)
