"""Runs stages in the graph's order: what they need first, stop at the first failure, and always a page at the end."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_ci import pipeline
from mlops_ci.records.record import Record
from mlops_ci.stages import build, check, evaluate, plan, prepare, promote, publish, report, scan, train, verify
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
        ("report", report),
    )
}


WORK = frozenset(pipeline.NAMES) - {"plan", "report"}


def run_stages(session: Session, names: Sequence[str], *, only: bool = False) -> int:
    """Run the named stages and (unless `only`) what they need; returns the first failure's exit code, else 0."""
    wanted = tuple(names) if only else pipeline.with_needs(tuple(names))
    for name in wanted:
        why = idle(session.run) if name in WORK else None
        if name in WORK and why is None and "train" in wanted and not _done(session, "train"):
            session.warm_tracking()
        record = run_stage(session, name, CODE[name]) if why is None else run_left_out(session, name, why)
        if record.status == "failed":
            page_of_failure(session, record, again=f"mlops-ci run {record.stage} --run {session.run.id}")
            return record.exit_code
    return 0


def _done(session: Session, stage: str) -> bool:
    record = session.run.record(stage)
    return record is not None and record.done


def page_of_failure(session: Session, failed: Record, *, again: str) -> None:
    """A run that failed has its page too; a failing report must not hide the failure before it."""
    if failed.stage != "report" and failed.exit_code not in (130, 143):
        run_stage(session, "report", CODE["report"])
    session.console.say(f"again: {again}")
