"""`mlops-ci run [STAGE ...]` and `mlops-ci STAGE`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import click

from mlops_ci import pipeline
from mlops_ci.commands.invocation import open_session
from mlops_ci.commands.options import Options
from mlops_ci.commands.outputs import of_run
from mlops_ci.errors import UsageError
from mlops_ci.nearness import did_you_mean
from mlops_ci.records.codec import to_json
from mlops_ci.run import variants
from mlops_ci.run.run import Run
from mlops_ci.settings.settings import Settings
from mlops_ci.stages.canary import NAME as CANARY
from mlops_ci.stages.canary import has_canary, planned
from mlops_ci.stages.night import Night, is_night
from mlops_ci.stages.sequence import run_smoke, run_stages
from mlops_ci.stages.session import Session

REPORT = "report"


class UnknownStageError(UsageError):
    """No stage of that name."""


def _run(session: Session, names: Sequence[str], *, only: bool, left_out: Mapping[str, str]) -> int:
    """Run them. A nightly leaves its stamps at its outer ends: where `plan` and where `report` are asked for."""
    if not is_night(session.settings):
        return run_stages(session, names, only=only, left_out=left_out)
    night = Night.of(session.settings, session.provider, session.console, session.environ)
    if "plan" in names:
        night.begin(session.run)
    code = run_stages(session, names, only=only, left_out=left_out)
    if "report" in names or (code and not only):
        night.end_of(session.run, code)
    return code


def run(options: Options, names: Sequence[str], *, as_planned: bool = False) -> int:
    """Run the named stages (all by default) and return the exit code; `--json` prints the records.

    With `as_planned`, stages that plan left out are only noted: in a CI system whose jobs start before it decides.
    """
    for name in names:
        if name not in pipeline.NAMES:
            raise UnknownStageError(
                f"there is no stage `{name}`{did_you_mean(name, pipeline.NAMES)}",
                hint=f"stages: {', '.join(pipeline.NAMES)}",
            )
    wanted = tuple(names) or pipeline.NAMES
    with open_session(options) as session:
        left_out = _left_out(session.run) if as_planned else {}
        waits = REPORT in wanted and not options.only and has_canary(session.settings)
        first = tuple(name for name in wanted if name != REPORT) if waits else wanted
        code = _plan_for_another_build(session) or _run(session, first, only=options.only, left_out=left_out)
        if code or not waits:
            _hand_on(session, code, options)
            return code
    return _with_canary(options, session.settings, session.run)


def _plan_for_another_build(session: Session) -> int:
    """A run that makes the images of another build has no job of its own that plans it: who begins it does."""
    if variants.beside(session.run.id) is None or session.run.record("plan") is not None:
        return 0
    return run_stages(session, ("plan",), only=True)


def smoke(options: Options) -> int:
    """A few steps of the training, to see whether it can work. The run is one that a whole `run` goes on with."""
    with open_session(options) as session:
        code = run_smoke(session, only=options.only)
        _hand_on(session, code, options)
    return code


def _with_canary(options: Options, settings: Settings, night: Run) -> int:
    """The canary after all that the night itself does, then the page that tells of both."""
    from mlops_ci.commands.canary import beside

    told = night.record(CANARY)
    if planned(night) and (told is None or told.reason == "cancelled"):
        record = beside(options, settings, night)
        if record.reason == "cancelled":
            return record.exit_code
    with open_session(replace(options, run=night.id)) as session:
        code = _run(session, (REPORT,), only=True, left_out={})
        _hand_on(session, code, options)
    return code


def _hand_on(session: Session, code: int, options: Options) -> None:
    for name, value in of_run(session.run, code).items():
        session.provider.set_output(name, value)
    if options.json:
        records = {name: to_json(record) for name, record in session.run.records().items()}
        click.echo(json.dumps({"run": session.run.id, "exit_code": code, "records": records}, indent=2))


def _left_out(run: Run) -> dict[str, str]:
    plan = run.record("plan")
    return dict(plan.outputs.get("left_out", {})) if plan is not None else {}
