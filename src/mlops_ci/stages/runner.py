"""Runs one stage: is it done already, does it fail, and in either case one record, written last."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mlops_ci.bugs import bug_report
from mlops_ci.errors import InterruptedRunError, MlopsError, TerminatedRunError
from mlops_ci.files import digest_of, drafts, write_atomic, write_json
from mlops_ci.records.codec import RecordFormatError, to_json
from mlops_ci.records.record import ErrorInfo, Record
from mlops_ci.reporting.redacted import redacted
from mlops_ci.run.clock import now, stamp
from mlops_ci.stages.result import Result, skipped
from mlops_ci.stages.session import Session
from mlops_ci.version import version

GOES_ON = "the same command goes on where it stopped"
# What may quote the user's code or a server: the one place where a secret could come into a record.
TEXTS = ("reason", "error", "warnings")


@dataclass(frozen=True, kw_only=True)
class StageCode:
    """A stage's two functions: `inputs` names all that its result depends on (JSON), `run` does it."""

    inputs: Callable[[Session], Mapping[str, Any]]
    run: Callable[[Session], Result]


def run_stage(session: Session, name: str, code: StageCode) -> Record:
    """Run the stage unless a passed record says that it is done; the record is returned, failed ones too."""
    inputs = code.inputs(session)
    fingerprint = _fingerprint(name, inputs)
    earlier = _earlier(session, name)
    if earlier is not None and earlier.done and earlier.fingerprint == fingerprint and not session.force:
        session.console.say(f"✓ {name}: {earlier.status} before ({earlier.reason or 'nothing has changed'})")
        return earlier
    started, clock = now(), time.monotonic()
    attempt = 1 if earlier is None else earlier.attempt + 1
    record = Record(
        run=session.run.id,
        stage=name,
        attempt=attempt,
        status="failed",
        exit_code=0,
        reason="",
        started_at=stamp(started),
        finished_at="",
        seconds=0.0,
        fingerprint=fingerprint,
        version=version(),
        provider=session.provider.name,
        engine=session.engine.name,
        variant=session.variant,
        host=platform.node(),
    )
    # Nobody else writes here: whoever runs stages holds the lock of the whole directory.
    for draft in (*drafts(session.run.folder), *drafts(session.run.path("records"))):
        draft.unlink(missing_ok=True)
    write_json(session.run.running, to_json(record))
    outcome = _attempt(session, name, code, inputs)
    outcome |= redacted({part: outcome[part] for part in TEXTS if part in outcome}, session.console.redactor.clean)
    record = replace(record, **outcome, finished_at=stamp(now()), seconds=round(time.monotonic() - clock, 3))
    session.run.write(record)
    session.run.running.unlink(missing_ok=True)
    _tell(session, record)
    return record


def run_left_out(session: Session, name: str, why: str) -> Record:
    """The record of a stage that no job of the pipeline was to run."""
    return run_stage(session, name, StageCode(inputs=lambda _: {"left_out": why}, run=lambda _: skipped(why)))


def _earlier(session: Session, name: str) -> Record | None:
    try:
        return session.run.record(name)
    except RecordFormatError as error:
        session.console.say(f"! {error.cause}: the stage {name} runs again")
        return None


def _fingerprint(stage: str, inputs: Mapping[str, Any]) -> str:
    return digest_of({"stage": stage, "inputs": to_json(inputs)})


def _attempt(session: Session, name: str, code: StageCode, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the record that say how it went."""
    try:
        with session.console.fold(name, name):
            result = code.run(session)
    except MlopsError as error:
        return _failed(session, name, error)
    except KeyboardInterrupt:
        return _failed(session, name, InterruptedRunError("interrupted", hint=GOES_ON))
    except SystemExit:
        return _failed(session, name, TerminatedRunError("terminated", hint=GOES_ON))
    except Exception as error:  # noqa: BLE001  # whatever it is, the record must say so
        return _failed(session, name, _bug(session, name, error))
    return {
        "status": result.status,
        "exit_code": 0,
        "reason": result.reason,
        "fingerprint": _fingerprint(name, {**inputs, **result.learned}),
        "outputs": to_json(result.outputs) if result.outputs is not None else {},
        "warnings": result.warnings,
    }


def _failed(session: Session, stage: str, error: MlopsError) -> dict[str, Any]:
    cancelled = isinstance(error, InterruptedRunError | TerminatedRunError)
    details = "\n".join(error.details)
    return {
        "status": "failed",
        "exit_code": error.exit_code,
        "reason": "cancelled" if cancelled else error.cause,
        "error": ErrorInfo(class_=error.failure_class, cause=error.cause, hint=error.hint, again=session.again(stage)),
        "outputs": to_json(outputs) if (outputs := getattr(error, "outputs", None)) is not None else {},
        "warnings": (details,) if details else (),
    }


def _bug(session: Session, name: str, error: Exception) -> MlopsError:
    """A report to paste, kept beside the stage's log."""
    path = session.run.path("logs", f"{name}.bug.md")
    report = bug_report(error, where=name, kept=f"the content of {path}")
    write_atomic(path, session.console.redactor.clean("\n".join(report.details)) + "\n")
    return report


def _tell(session: Session, record: Record) -> None:
    """The end of the stage for people: one line when green, everything when red."""
    for warning in record.warnings if record.status != "failed" else ():
        session.console.annotate("warning", record.stage, warning)
    if record.error is not None:
        for details in record.warnings:
            for line in details.splitlines():
                session.console.output(f"    {line}")
        repeat = ["again:", *record.error.again] if record.error.again else []
        text = "\n".join(line for line in (record.error.cause, record.error.hint, *repeat) if line)
        session.console.annotate("error", f"{record.stage}: {record.error.class_} (exit {record.exit_code})", text)
    elif record.status in ("skipped", "waiting"):
        session.console.say(f"- {record.stage}: {record.status}: {record.reason}")
