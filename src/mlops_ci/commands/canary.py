"""`mlops-ci nightly canary`: the cell of `[nightly] canary` beside a night, and what the night is told of it."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace

import click

from mlops_ci.bugs import bug_report
from mlops_ci.commands.invocation import open_session
from mlops_ci.commands.options import Options, load_settings
from mlops_ci.commands.surroundings import drop_empty
from mlops_ci.commands.voice import new_console, new_provider
from mlops_ci.config.document import ON_TOP
from mlops_ci.console import Console
from mlops_ci.errors import MlopsError, UsageError
from mlops_ci.records.codec import to_json
from mlops_ci.records.record import Record
from mlops_ci.run.clock import now
from mlops_ci.run.run import Run, open_run, run_ids
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.settings import Settings
from mlops_ci.stages.canary import planned, run_cell, time_limit
from mlops_ci.stages.canary_record import Ended, changes, note
from mlops_ci.stages.decisions import NIGHTLY
from mlops_ci.stages.runner import run_stage
from mlops_ci.stages.sequence import PAGE


class NoCanaryError(UsageError):
    """The settings name no canary."""


class NoNightError(UsageError):
    """There is no night that a canary could run beside."""


def canary(options: Options, *, as_planned: bool = False) -> int:
    """Run it beside the newest night (or `--run`); its own exit code. The night's records get one of it."""
    drop_empty(os.environ)
    mine = replace(options, mode=options.mode or NIGHTLY)
    settings = load_settings(mine, new_provider())
    night = _night(settings, options.run)
    if as_planned and planned(night) is None:
        new_console(verbose=False).say(f"plan of run {night.id} found no canary to be run")
        return 0
    if settings.tables.nightly.canary is None:
        raise NoCanaryError(
            "the settings name no canary",
            hint='set [nightly] canary = "next", and what it tries in an overlay: [mode.next.image]',
        )
    record = beside(mine, settings, night)
    if night.record("report") is not None:
        # The night is over, and was told: its page alone is written anew.
        with open_session(replace(mine, run=night.id)) as session:
            run_stage(session, "report", PAGE)
    provider = new_provider()
    provider.set_output("exit-code", str(record.exit_code))
    if options.json:
        click.echo(json.dumps(to_json(record), indent=2))
    return record.exit_code


def beside(options: Options, settings: Settings, night: Run) -> Record:
    """The cell in a run of its own, and its record in the night. Whatever goes wrong in it is a part of the record."""
    overlay = settings.tables.nightly.canary or ""
    limit = settings.tables.nightly.canary_timeout
    ended = Ended(overlay=overlay, started=now(), seconds=0.0, limit=limit)
    clock = time.monotonic()
    provider = new_provider()
    console = new_console(verbose=options.verbose, provider=provider)
    console.say(f"canary [mode.{overlay}] beside run {night.id}: at most {limit.written}")
    cell = replace(options, run=None, mode=f"{options.mode or NIGHTLY}{ON_TOP}{overlay}", only=False, json=False)
    with time_limit(limit) as timer:
        try:
            with open_session(cell, purpose=night.id, beside=night.id) as session:
                console = session.console
                ended = replace(ended, cell=session.run, changed=changes(settings, session.settings))
                run_cell(session)
        except MlopsError as error:
            ended = replace(ended, problem=error)
        except SystemExit:
            if not timer.over:
                raise
        except Exception as error:  # noqa: BLE001  # whatever it is: a canary costs the night nothing
            ended = replace(ended, problem=bug_report(error, where="canary"))
    record = note(night, replace(ended, seconds=time.monotonic() - clock, over=timer.over), console.redactor)
    _tell(console, record)
    return record


def _tell(console: Console, record: Record) -> None:
    if record.error is not None:
        title = f"canary: {record.error.class_} (exit {record.exit_code}; the night goes on)"
        console.annotate("warning", title, f"{record.error.cause}\n{record.error.hint}".rstrip())
    else:
        console.say(f"canary: {record.reason}")


def _night(settings: Settings, name: str | None) -> Run:
    runs = Workspace(root=settings.root).runs
    if name is not None:
        return open_run(runs, name)
    found = (open_run(runs, one) for one in reversed(run_ids(runs)))
    night = next((run for run in found if run.info.own and run.info.mode == settings.mode), None)
    if night is None:
        raise NoNightError(
            f"there is no run of the mode {settings.mode} that a canary could run beside",
            hint="`mlops-ci run --mode nightly` runs the night and its canary; a cell alone: "
            f"`mlops-ci run evaluate --mode {settings.mode}{ON_TOP}{settings.tables.nightly.canary or 'NAME'}`",
        )
    return night
