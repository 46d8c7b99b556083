"""How a canary ended, as a record beside those of the night that it belongs to."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mlops_ci.config.keys import dotted, leaves
from mlops_ci.config.toml_text import written
from mlops_ci.errors import GateError, InfrastructureError, MlopsError, OutOfTimeError
from mlops_ci.files import digest_of
from mlops_ci.records.build import BuildOutputs
from mlops_ci.records.canary import CanaryChange, CanaryOutputs
from mlops_ci.records.codec import from_json, to_json
from mlops_ci.records.evaluate import EvaluateOutputs
from mlops_ci.records.record import ErrorInfo, Record, Status
from mlops_ci.redaction import Redactor
from mlops_ci.reporting.redacted import redacted
from mlops_ci.run.clock import now, stamp
from mlops_ci.run.run import Run
from mlops_ci.settings.settings import Settings
from mlops_ci.settings.units import Duration
from mlops_ci.stages.canary import NAME
from mlops_ci.version import version


class CanaryTimeoutError(OutOfTimeError):
    """The canary took longer than a night lets it."""


class CanaryLostError(InfrastructureError):
    """The job of the canary has left no record."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a canary ended: `problem` is what came in its way outside of a stage, `over` whether its time was up."""

    overlay: str
    started: datetime
    seconds: float
    cell: Run | None = None
    changed: tuple[CanaryChange, ...] = ()
    problem: MlopsError | None = None
    over: bool = False
    limit: Duration = Duration(0)


def changes(night: Settings, canary: Settings) -> tuple[CanaryChange, ...]:
    """What the overlay changes against the night."""
    before, after = dict(leaves(dict(night.effective))), dict(leaves(dict(canary.effective)))
    hide = Redactor().clean
    return tuple(
        CanaryChange(key=dotted(key), before=hide(_shown(before.get(key))), after=hide(_shown(after.get(key))))
        for key in {**before, **after}
        if before.get(key) != after.get(key)
    )


def _shown(value: object) -> str:
    return "not set" if value is None else written(value)


def note(night: Run, ended: Ended, redactor: Redactor) -> Record:
    """The record of the canary, beside those of the night that it belongs to."""
    records: Mapping[str, Record] = ended.cell.records() if ended.cell is not None else {}
    failed = _stopped(records)
    error = _error(ended, failed)
    status: Status = "passed" if error is None else "failed"
    cancelled = failed is not None and failed.reason == "cancelled" and not ended.over
    outputs = _outputs(night, ended, records, failed.stage if failed is not None else None)
    passed = f"{outputs.verdict}: {outputs.why}" if outputs.verdict is not None else outputs.why
    record = _record(
        night,
        ended,
        status=status,
        exit_code=_code(ended, failed),
        reason="cancelled" if cancelled else passed if error is None else error.cause,
        error=error,
        outputs=outputs,
    )
    record = redacted(record, redactor.clean)
    night.write(record)
    return record


def note_lost(night: Run, overlay: str, why: str, *, failed: bool) -> Record:
    """The record of a canary that has left none: its job was killed, or never began."""
    ended = Ended(overlay=overlay, started=now(), seconds=0.0)
    outputs = _outputs(night, ended, {}, None)
    lost = CanaryLostError(why, hint="see the log of its job")
    error = ErrorInfo(class_=lost.failure_class, cause=lost.cause, hint=lost.hint) if failed else None
    code = lost.exit_code if failed else 0
    status: Status = "failed" if failed else "skipped"
    record = _record(night, ended, status=status, exit_code=code, reason=why, error=error, outputs=outputs)
    night.write(record)
    return record


def _record(
    night: Run,
    ended: Ended,
    *,
    status: Status,
    exit_code: int,
    reason: str,
    error: ErrorInfo | None,
    outputs: CanaryOutputs,
) -> Record:
    about = ended.cell.info if ended.cell is not None else night.info
    return Record(
        run=night.id,
        stage=NAME,
        attempt=night.next_attempt(NAME),
        status=status,
        exit_code=exit_code,
        reason=reason,
        error=error,
        started_at=stamp(ended.started),
        finished_at=stamp(now()),
        seconds=round(ended.seconds, 3),
        fingerprint=digest_of([NAME, night.info.plan, ended.overlay, about.run]),
        version=version(),
        provider=about.provider,
        engine=about.engine,
        variant=about.variant,
        host=platform.node(),
        outputs=to_json(outputs),
    )


def _stopped(records: Mapping[str, Record]) -> Record | None:
    """What ended it: a gate only where nothing else did."""
    failed = [record for name, record in records.items() if record.status == "failed" and name != "report"]
    return next((one for one in failed if one.exit_code != GateError.exit_code), next(iter(failed), None))


def _error(ended: Ended, failed: Record | None) -> ErrorInfo | None:
    if ended.over:
        where = f" in {failed.stage}" if failed is not None else ""
        late = CanaryTimeoutError(
            f"stopped{where}: it took longer than [nightly] canary-timeout ({ended.limit.written})",
            hint=f"allow it more time, or make it shorter: [mode.{ended.overlay}.train]",
        )
        return ErrorInfo(class_=late.failure_class, cause=late.cause, hint=late.hint)
    if ended.problem is not None:
        one = ended.problem
        return ErrorInfo(class_=one.failure_class, cause=one.cause, hint=one.hint)
    return failed.error if failed is not None else None


def _code(ended: Ended, failed: Record | None) -> int:
    if ended.over:
        return CanaryTimeoutError.exit_code
    if ended.problem is not None:
        return ended.problem.exit_code
    return failed.exit_code if failed is not None else 0


def _outputs(night: Run, ended: Ended, records: Mapping[str, Record], stage: str | None) -> CanaryOutputs:
    own, theirs = _evaluated(records), _evaluated(night.records())
    built = records.get("build")
    made = from_json(BuildOutputs, built.outputs) if built is not None and built.outputs else None
    image = made.images[made.top] if made is not None else None
    return CanaryOutputs(
        overlay=ended.overlay,
        cell=ended.cell.id if ended.cell is not None else None,
        changed=ended.changed,
        image=image.ref if image is not None else None,
        image_digest=image.digest if image is not None else None,
        content_key=image.content_key if image is not None else None,
        variant=ended.cell.info.variant if ended.cell is not None else None,
        verdict=own.verdict if own is not None else None,
        why=own.why if own is not None else "",
        metrics=own.metrics if own is not None else {},
        night=theirs.metrics if theirs is not None else {},
        champion=theirs.champion if theirs is not None else None,
        stage=stage,
    )


def _evaluated(records: Mapping[str, Record]) -> EvaluateOutputs | None:
    record = records.get("evaluate")
    return from_json(EvaluateOutputs, record.outputs) if record is not None and record.outputs else None
