"""How the run ended, in one word, one line and the next step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlops_ci import pipeline
from mlops_ci.records.record import Record
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.format import one_line

Kind = Literal["promoted", "kept", "waiting", "failed", "rejected", "cancelled", "unfinished", "skipped"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`title` is a sentence for the top of a page, `reason` why, `next_step` what to do (both may be empty)."""

    kind: Kind
    title: str
    reason: str = ""
    next_step: str = ""
    failed: Record | None = None


def verdict(data: ReportData) -> Verdict:
    """The first failed stage decides, then what became of the promotion."""
    failed = first_failed(data)
    if failed is not None:
        return _failure(data, failed)
    promote = data.records.get("promote")
    if promote is None or not (promote.done or promote.status == "waiting"):
        return _unfinished(data)
    if promote.status == "waiting":
        return _waiting(data, promote)
    return _end(data, promote)


def first_failed(data: ReportData) -> Record | None:
    """The first stage, in pipeline order, whose newest record says that it failed; a smoke run stands before train."""
    failed = next((record for record in data.records.values() if record.status == "failed"), None)
    smoke, train = data.smoke, data.records.get("train")
    if smoke is None or smoke.status != "failed" or (train is not None and train.finished_at > smoke.finished_at):
        return failed
    before = failed is not None and pipeline.NAMES.index(failed.stage) < pipeline.NAMES.index("train")
    return failed if before else smoke


def model_name(data: ReportData) -> str:
    """The model with its version once it is registered, else the project."""
    publish = data.outputs.publish
    return f"{publish.model.name} version {publish.model.version}" if publish else f"project {data.info.project}"


def _failure(data: ReportData, failed: Record) -> Verdict:
    error, evaluate = failed.error, data.outputs.evaluate
    reason = one_line(error.cause if error else failed.reason)
    hint = one_line(error.hint) if error else ""
    if failed.reason == "cancelled":
        return Verdict(
            kind="cancelled", title=f"cancelled in {failed.stage}", reason=reason, next_step=hint, failed=failed
        )
    if failed.stage == "evaluate" and evaluate is not None and evaluate.verdict == "reject":
        return Verdict(
            kind="rejected",
            title="the new model was rejected, nothing was published",
            reason=reason,
            next_step=hint,
            failed=failed,
        )
    kept = f"{model_name(data)} is the champion, and " if failed.stage == "deploy" else ""
    title = f"{kept}{failed.stage} failed (exit {failed.exit_code}{f', {error.class_}' if error else ''})"
    return Verdict(kind="failed", title=title, reason=reason, next_step=hint, failed=failed)


def _unfinished(data: ReportData) -> Verdict:
    """Stages are left to run: some sessions end before the last one."""
    left = [name for name in pipeline.NAMES if name != "report" and not _done(data, name)]
    done = [name for name in data.records if _done(data, name)]
    title = f"not finished: {done[-1]} is done, {left[0]} has not run" if done else "not finished: no stage has run"
    return Verdict(kind="unfinished", title=title, next_step=f"mlops-ci run --run {data.info.run}")


def _done(data: ReportData, name: str) -> bool:
    record = data.records.get(name)
    return record is not None and record.done


def _waiting(data: ReportData, promote: Record) -> Verdict:
    evaluate = data.outputs.evaluate
    reason = one_line(evaluate.why) if evaluate and evaluate.verdict == "review" else one_line(promote.reason)
    return Verdict(
        kind="waiting",
        title=f"{model_name(data)} waits for a human",
        reason=reason,
        next_step=f"look at the page, then: mlops-ci approve {data.info.run}",
    )


def _untrained(data: ReportData, why: str) -> Verdict:
    """Nothing was to be trained: a nightly without anything new, or the champion alone was scored."""
    evaluate = data.outputs.evaluate
    if evaluate is not None and evaluate.champion is not None:
        return Verdict(kind="kept", title=f"champion version {evaluate.champion.version} holds", reason=why)
    record = data.records.get("evaluate")
    return Verdict(
        kind="skipped", title="nothing was trained", reason=one_line(record.reason) if record is not None else why
    )


def _end(data: ReportData, promote: Record) -> Verdict:
    evaluate, moved = data.outputs.evaluate, data.outputs.promote
    why = one_line(evaluate.why if evaluate else promote.reason)
    if data.info.reproduces is not None:
        return Verdict(kind="kept", title=f"a reproduction of run {data.info.reproduces}: nothing is published")
    train = data.records.get("train")
    if train is not None and train.status == "skipped":
        return _untrained(data, why)
    if promote.status == "skipped" or moved is None or moved.from_ == moved.to:
        stays = f"version {moved.to} stays the champion" if moved and moved.to else "the champion stays"
        return Verdict(kind="kept", title=f"{stays}; {model_name(data)} is a candidate", reason=why)
    approved = f", approved by {moved.approved_by}" if moved.approved_by else ""
    return Verdict(
        kind="promoted", title=f"{model_name(data)} is now the {moved.alias}{one_line(approved)}", reason=why
    )
