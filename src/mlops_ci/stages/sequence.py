"""Runs stages in the graph's order: what they need first, stop at the first failure, and always a page at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any

from mlops_ci import pipeline
from mlops_ci.records.record import Record
from mlops_ci.stages.night import idle
from mlops_ci.stages.result import Result
from mlops_ci.stages.runner import StageCode, run_left_out, run_stage
from mlops_ci.stages.session import Session

SMOKE_NAME = "smoke"


def _code(module: str, inputs: str = "inputs", run: str = "run") -> StageCode:
    """A stage whose module is loaded once the stage is reached: a job of a pipeline runs one of its stages."""

    def call(function: str, session: Session) -> Any:
        return getattr(import_module(f"mlops_ci.stages.{module}"), function)(session)

    def inputs_of(session: Session) -> Mapping[str, Any]:
        named: Mapping[str, Any] = call(inputs, session)
        return named

    def run_it(session: Session) -> Result:
        result: Result = call(run, session)
        return result

    return StageCode(inputs=inputs_of, run=run_it)


CODE: dict[str, StageCode] = {name: _code(name) for name in pipeline.NAMES}

NOTHING: Mapping[str, str] = MappingProxyType({})
PAGE = _code("report", inputs="inputs_of_page", run="page")
SMOKE = _code(SMOKE_NAME)

WORK = frozenset(pipeline.NAMES) - {"plan", "report"}


def run_stages(
    session: Session, names: Sequence[str], *, only: bool = False, left_out: Mapping[str, str] = NOTHING
) -> int:
    """Run the named stages and (unless `only`) what they need; returns the first failure's exit code, else 0.

    `left_out` are stages that are only noted as skipped, and why; a night without news leaves out all work.
    """
    wanted = tuple(names) if only else pipeline.with_needs(tuple(names))
    part = only and "report" not in names
    trains = "train" in wanted and "train" not in left_out and not _done(session, "train")
    for name in wanted:
        why = left_out.get(name) or (idle(session.run) if name in WORK else None)
        if name in WORK and why is None and trains:
            session.warm_tracking()
        if name == "train" and trains and session.settings.tables.smoke.first and why is None:
            looked = run_stage(session, SMOKE_NAME, SMOKE)
            if looked.status == "failed":
                page_of_failure(session, looked, only=part)
                return looked.exit_code
        record = run_stage(session, name, CODE[name]) if why is None else run_left_out(session, name, why)
        if record.status == "failed":
            page_of_failure(session, record, only=part)
            return record.exit_code
    return 0


def run_smoke(session: Session, *, only: bool = False) -> int:
    """What a training needs (unless `only`), and in its place a smoke run; then a preliminary page."""
    before = pipeline.stage("train").needs
    session.warm_tracking()
    code = 0 if only else run_stages(session, before)
    if code:
        return code
    record = run_stage(session, SMOKE_NAME, SMOKE)
    if record.status == "failed":
        page_of_failure(session, record, only=True)
        return record.exit_code
    run_stage(session, "report", PAGE)
    return 0


def _done(session: Session, stage: str) -> bool:
    record = session.run.record(stage)
    return record is not None and record.done


def page_of_failure(session: Session, failed: Record, *, only: bool = False, again: str | None = None) -> None:
    """A run that failed has its page too; a failing report must not hide the failure before it.

    Who runs some stages `only`, and no report, does a part of a run, as a job does: its page is a preliminary one.
    `again` is the command that repeats it, where the record does not know better.
    """
    if failed.stage != "report" and failed.exit_code not in (130, 143):
        run_stage(session, "report", PAGE if only else CODE["report"])
    if again is not None:
        session.console.say(f"again: {again}")
        return
    session.console.say("again:")
    for line in failed.error.again if failed.error is not None else ():
        session.console.output(line)
