"""The record of a stage that was killed before it could write one itself, or that a cancelled job never began."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import replace

from mlops_ci.errors import TerminatedRunError
from mlops_ci.records.codec import from_json
from mlops_ci.records.record import ErrorInfo, Record
from mlops_ci.run.clock import now, parse, stamp
from mlops_ci.run.run import Run, read_json
from mlops_ci.version import version

REASON = "cancelled"


def note_cancelled(run: Run, stages: Sequence[str]) -> Record | None:
    """Write `cancelled` for the one of `stages` that was running when all was killed, else for the next to run.

    None when there is nothing to add: all are done, or one has failed by itself.
    """
    begun = _running(run, stages) or _next(run, stages)
    if begun is None:
        return None
    moment = now()
    error = TerminatedRunError("the job was cancelled", hint="the same command goes on where it stopped")
    record = replace(
        begun,
        status="failed",
        exit_code=error.exit_code,
        reason=REASON,
        error=ErrorInfo(class_=error.failure_class, cause=error.cause, hint=error.hint),
        finished_at=stamp(moment),
        seconds=round(max(0.0, (moment - parse(begun.started_at)).total_seconds()), 3),
    )
    run.write(record)
    run.running.unlink(missing_ok=True)
    return record


def _running(run: Run, stages: Sequence[str]) -> Record | None:
    if not run.running.is_file():
        return None
    begun = from_json(Record, read_json(run.running), where=str(run.running))
    return begun if begun.stage in stages else None


def _next(run: Run, stages: Sequence[str]) -> Record | None:
    for stage in stages:
        record = run.record(stage)
        if record is None:
            return _unbegun(run, stage)
        if not record.done:
            return None
    return None


def _unbegun(run: Run, stage: str) -> Record:
    return Record(
        run=run.id,
        stage=stage,
        attempt=run.next_attempt(stage),
        status="failed",
        exit_code=0,
        reason="",
        started_at=stamp(now()),
        finished_at="",
        seconds=0.0,
        fingerprint="",
        version=version(),
        provider=run.info.provider,
        engine=run.info.engine,
        variant=run.info.variant,
        host=platform.node(),
    )
