"""Runs stages in the graph's order: what they need first, stop at the first failure, and always a page at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from mlops_ci import pipeline
from mlops_ci.records.record import Record
from mlops_ci.stages import (
    build,
    check,
    deploy,
    evaluate,
    plan,
    prepare,
    promote,
    publish,
    report,
    scan,
    smoke,
    train,
    verify,
)
from mlops_ci.stages.night import idle
from mlops_ci.stages.runner import StageCode, run_left_out, run_stage
from mlops_ci.stages.session import Session

CODE: dict[str, StageCode] = {
    name: StageCode(inputs=module.inputs, run=module.run)
    for name, module in (
        ("plan", plan),
        ("build", build),
        ("check", check),
        ("scan", scan),
        ("prepare", prepare),
        ("verify", verify),
        ("train", train),
        ("evaluate", evaluate),
        ("publish", publish),
        ("promote", promote),
        ("deploy", deploy),
        ("report", report),
    )
}

NOTHING: Mapping[str, str] = MappingProxyType({})
PAGE = StageCode(inputs=report.inputs_of_page, run=report.page)
SMOKE = StageCode(inputs=smoke.inputs, run=smoke.run)

WORK = frozenset(pipeline.NAMES) - {"plan", "report"}


def run_stages(
    session: Session, names: Sequence[str], *, only: bool = False, left_out: Mapping[str, str] = NOTHING
) -> int:
    """Run the named stages and (unless `only`) what they need; returns the first failure's exit code, else 0.

    `left_out` are stages that are only noted as skipped, and why; a night without news leaves out all work.
    """
    wanted = tuple(names) if only else pipeline.with_needs(tuple(names))
    trains = "train" in wanted and "train" not in left_out and not _done(session, "train")
    for name in wanted:
        why = left_out.get(name) or (idle(session.run) if name in WORK else None)
        if name in WORK and why is None and trains:
            session.warm_tracking()
        if name == "train" and trains and session.settings.tables.smoke.first and why is None:
            looked = run_stage(session, smoke.NAME, SMOKE)
            if looked.status == "failed":
                page_of_failure(session, looked, only=only)
                return looked.exit_code
        record = run_stage(session, name, CODE[name]) if why is None else run_left_out(session, name, why)
        if record.status == "failed":
            page_of_failure(session, record, only=only)
            return record.exit_code
    return 0


def run_smoke(session: Session, *, only: bool = False) -> int:
    """What a training needs (unless `only`), and in its place a smoke run; then a preliminary page."""
    before = pipeline.stage("train").needs
    session.warm_tracking()
    code = 0 if only else run_stages(session, before)
    if code:
        return code
    record = run_stage(session, smoke.NAME, SMOKE)
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

    Who runs some stages `only` does a part of a run, as a job does: its page is a preliminary one. `again` is the
    command that repeats it, where the record does not know better.
    """
    if failed.stage != "report" and failed.exit_code not in (130, 143):
        run_stage(session, "report", PAGE if only else CODE["report"])
    if again is not None:
        session.console.say(f"again: {again}")
        return
    session.console.say("again:")
    for line in failed.error.again if failed.error is not None else ():
        session.console.output(line)
