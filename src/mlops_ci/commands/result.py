"""`mlops-ci result`: the last job of a pipeline: report, count up the jobs, hand every fact on."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import NamedTuple

import click

from mlops_ci.commands import outputs
from mlops_ci.commands.handover import the_job
from mlops_ci.commands.invocation import open_session
from mlops_ci.commands.options import Options, load_settings
from mlops_ci.commands.surroundings import assume_role_if_it_can_be
from mlops_ci.commands.voice import new_console, new_provider
from mlops_ci.errors import MlopsError
from mlops_ci.files import write_atomic
from mlops_ci.orchestrators.outcome import (
    CANCELLED,
    JobEnd,
    Outcome,
    facts,
    node_facts,
    not_to_deploy,
    outcome,
    read_needs,
)
from mlops_ci.orchestrators.together import files_of
from mlops_ci.records.codec import to_json
from mlops_ci.records.record import Record
from mlops_ci.run.handover import RESULT
from mlops_ci.run.nodes import Looked, looked
from mlops_ci.run.run import Run, open_run, run_ids
from mlops_ci.run.variants import built
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.settings import Settings
from mlops_ci.stages.canary import NAME as CANARY
from mlops_ci.stages.canary import planned
from mlops_ci.stages.canary_record import note_lost
from mlops_ci.stages.night import Night, idle, is_night
from mlops_ci.stages.runner import run_left_out
from mlops_ci.stages.sequence import run_stages
from mlops_ci.stages.telling import tell_of_no_run

# What the CI system says of its jobs, as JSON: too long for an argument, and no argument is safe from a shell.
NEEDS = "MLOPS_CI_NEEDS"


class Cells(NamedTuple):
    """What plan spread jobs over."""

    nodes: tuple[Looked, ...] = ()
    variants: tuple[Looked, ...] = ()

    @classmethod
    def of(cls, run: Run | None) -> Cells:
        """Those of a run; none where there is no run."""
        return cls() if run is None else cls(looked(run), built(run))


def result(options: Options, file: str) -> int:
    """Report on the run, say how the pipeline ended, set the outputs; returns the pipeline's exit code."""
    with ExitStack() as stack:
        settings, provider = load_settings(options), new_provider()
        console = new_console(verbose=False, provider=provider)
        # Held to the end: the stamps of a night are written after the session of the report has closed.
        assume_role_if_it_can_be(settings, provider.name, os.environ, stack, console)
        return _result(options, file)


def _result(options: Options, file: str) -> int:
    ends = read_needs(os.environ.get(NEEDS, ""))
    last = the_job("result", file)
    (called,) = (one for one in files_of(os.environ) if one.name == file)
    jobs = tuple(job for job in called.jobs if job != last and not job.beside)
    run = _run(options)
    left_out: Mapping[str, str] = {}
    records: Mapping[str, Record] = {}
    code = 0
    cells = Cells.of(run)
    if run is not None:
        plan = run.record("plan")
        left_out = plan.outputs.get("left_out", {}) if plan is not None else {}
        stages = {stage for job in jobs for stage in job.stages}
        # What the page says of them; `outcome` knows by itself that there may be nothing to deploy.
        mine = {
            stage: why for stage, why in {**not_to_deploy(run.records(), ends), **left_out}.items() if stage in stages
        }
        _canary_without_word(run, ends.get(CANARY))
        code = _report(
            replace(options, run=run.id), mine, lambda: _lost(outcome(jobs, ends, run.records(), left_out, *cells))
        )
        records = {name: record for name, record in run.records().items() if name != "report"}
    found = outcome(jobs, ends, records, left_out, *cells)
    if run is None and _lost(found):
        _tell_of_no_run(options, found)
    _hand_on(options, found, run, records, ends)
    if run is not None:
        _end_of_night(load_settings(options), run, found)
    return found.exit_code or code


def _canary_without_word(run: Run, end: JobEnd | None) -> None:
    """A canary that plan wanted and that has left no record: the page says so."""
    overlay = planned(run)
    if overlay is None or run.record(CANARY) is not None:
        return
    if end is not None and end.result == "skipped":
        note_lost(run, overlay, "it was not begun: a job of the night did not end well", failed=False)
    elif end is None:
        note_lost(
            run,
            overlay,
            "it has left no record: its job was not asked for (the input `canary`), or was killed",
            failed=False,
        )
    else:
        note_lost(run, overlay, "its job has left no record: it was killed", failed=True)


def _end_of_night(settings: Settings, run: Run, found: Outcome) -> None:
    if is_night(settings):
        provider = new_provider()
        console = new_console(verbose=False, provider=provider)
        # What had nothing to do is no success to rest on, however its jobs are counted.
        result = found.result if idle(run) is None or found.exit_code else "skipped"
        Night.of(settings, provider, console).end(run, result, found.exit_code, found.reason)


def _run(options: Options) -> Run | None:
    """The run, or None when not even plan came so far."""
    workspace = Workspace(root=load_settings(options).root)
    return open_run(workspace.runs, options.run or "latest") if run_ids(workspace.runs) else None


def _lost(found: Outcome) -> str:
    """What failed, for a report that may find no record of it. Who cancels a job knows it."""
    return found.reason if found.exit_code not in (0, CANCELLED) else ""


def _tell_of_no_run(options: Options, found: Outcome) -> None:
    provider = new_provider()
    console = new_console(verbose=False, provider=provider)
    settings = load_settings(options)
    for warning in tell_of_no_run(settings, provider, found.reason, console=console, environ=os.environ).warnings:
        console.annotate("warning", "result", warning)


def _report(options: Options, left_out: Mapping[str, str], lost: Callable[[], str]) -> int:
    """The records of the stages that no job ran, then the page. A page that fails must not hide what is counted."""
    try:
        with open_session(options) as session:
            for stage, why in left_out.items():
                if session.run.record(stage) is None:
                    run_left_out(session, stage, why)
            session.lost_job = lost()
            return run_stages(session, ("report",), only=True)
    except MlopsError as error:
        new_console(verbose=False).annotate(
            "error", f"no report (exit {error.exit_code})", f"{error.cause}\n{error.hint}"
        )
        return error.exit_code


def _hand_on(
    options: Options,
    found: Outcome,
    run: Run | None,
    records: Mapping[str, Record],
    ends: Mapping[str, JobEnd],
) -> None:
    provider = new_provider()
    console = new_console(verbose=False, provider=provider)
    commit = run.info.lineage.commit if run is not None else None
    about = {"run": run.id if run is not None else None, "commit": commit, "ci_attempt": provider.attempt()}
    values = outputs.of_run(run, found.exit_code) if run is not None else {"run-id": ""}
    beside = run.record(CANARY) if run is not None else None
    cells = Cells.of(run)
    told = outputs.result_json(to_json(facts(found, about, records, beside, *cells)), console.redactor)
    if run is not None:
        write_atomic(run.path(RESULT), told + "\n")
    values |= {
        "result": found.result,
        "exit-code": str(found.exit_code),
        "result-json": told,
    }
    for name, value in values.items():
        provider.set_output(name, value)
    for name, word in found.jobs.items():
        console.say(f"{name:<9} {word}{f' ({ends[name].result})' if name in ends else ''}")
    for node in cells.nodes:
        one = node_facts(node)
        console.say(f"node {node.name}: {one['verdict'] or one['result']} {one['reason']}".rstrip())
    for other in cells.variants:
        console.say(f"images for {other.name}: {other.result} {other.why}".rstrip())
    if found.exit_code:
        console.annotate("error", f"pipeline failed (exit {found.exit_code})", found.reason)
    click.echo(values["result-json"] if options.json else f"{found.result}: {found.reason}".rstrip(": "))
