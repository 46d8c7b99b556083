"""What a reader must not overlook."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.format import clean, one_line

CPU = "CPU run: no figure here says anything about a GPU"
NOT_SCANNED = "NOT SCANNED FOR VULNERABILITIES"
VULNERABILITIES = "vulnerabilities"
NO_BASE = "the settings that guard this pull request are the defaults"
GUARDED = "changed by this pull request, in force after the merge"
OUTSIDE = "set from outside the file, otherwise than in the base"
SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A loud line: `why` may be empty."""

    level: Literal["caution", "warning", "note"]
    text: str
    why: str = ""


def notices(data: ReportData) -> tuple[Notice, ...]:
    """The loudest first."""
    found = []
    if (why := unscanned(data)) is not None:
        found.append(Notice(level="caution", text=NOT_SCANNED, why=why))
    found += _guarded(data)
    if on_cpu(data):
        found.append(Notice(level="warning", text=CPU, why=_no_gpu_used(data)))
    drift = data.outputs.prepare.drift if data.outputs.prepare else None
    if drift is not None and drift.verdict == "shifted":
        found.append(Notice(level="warning", text="the data has shifted", why=drift.why))
    if data.info.lineage.dirty:
        found.append(Notice(level="note", text="the working tree had uncommitted changes", why=_difference(data)))
    return tuple(found)


def warnings(data: ReportData) -> tuple[tuple[str, str], ...]:
    """Stage and text of every warning that no notice says already, and what could not be read for this report.

    A failed stage's are the last lines of its log: they belong to the failure.
    """
    found = [
        (record.stage, warning)
        for record in data.records.values()
        if record.status != "failed"
        for warning in record.warnings
        if warning != NOT_SCANNED
    ]
    return (*found, *(("report", problem) for problem in data.problems))


def on_cpu(data: ReportData) -> bool:
    """Whether the figures are a processor's: the CPU variant, or a training that used no GPU."""
    train = data.outputs.train
    return data.info.variant == "cpu" or (train is not None and set(train.devices) == {"cpu"})


def unscanned(data: ReportData) -> str | None:
    """Why the images were not scanned for vulnerabilities; None when they were, or when that stage is still to come."""
    record, outputs, train = data.records.get("scan"), data.outputs.scan, data.records.get("train")
    if train is not None and train.status == "skipped":
        # Nothing was made that anybody could run.
        return None
    if record is None:
        return "this run has no scan" if "train" in data.records or "publish" in data.records else None
    skipped = (
        [part for part in outputs.parts if part.name == VULNERABILITIES and part.status == "SKIP"] if outputs else []
    )
    if record.status == "failed" and outputs is None:
        return one_line(record.error.cause if record.error else record.reason)
    if skipped or record.status == "skipped" or (outputs is not None and outputs.verdict == "not-scanned"):
        why = skipped[0].why if skipped else record.reason
        return one_line(why).removeprefix(NOT_SCANNED).lstrip(": ")
    return None


def _guarded(data: ReportData) -> Iterator[Notice]:
    """What a pull request does to the settings that decide what may pass."""
    plan = data.outputs.plan
    if plan is None:
        return
    if plan.base_notice:
        yield Notice(level="warning", text=NO_BASE, why=one_line(plan.base_notice))
    for in_force, text in ((True, OUTSIDE), (False, GUARDED)):
        keys = [one.key for one in plan.guarded_changes if one.in_force is in_force]
        if keys:
            more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
            yield Notice(level="warning", text=text, why=one_line(", ".join(keys[:SHOWN]) + more))


def _no_gpu_used(data: ReportData) -> str:
    if data.info.variant == "cpu":
        return ""
    return f"the variant is {clean(data.info.variant)}, but the training used no GPU"


def _difference(data: ReportData) -> str:
    digest = data.info.lineage.diff_sha256
    return (
        f"the commit alone does not give this model again; difference {digest[:12]}" if digest else "no commit is known"
    )
