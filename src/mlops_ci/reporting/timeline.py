"""The stages one below the other: how each ended, how long it took, and what it said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mlops_ci import pipeline
from mlops_ci.records.record import Record
from mlops_ci.reporting.comparison import metric_rows
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.format import counted, number, one_line, short, size
from mlops_ci.reporting.sweep import line as sweep_line
from mlops_ci.reporting.verdict import first_failed

Status = Literal["passed", "failed", "skipped", "waiting", "not run"]
MARKS: dict[Status, str] = {"passed": "✓", "failed": "✗", "skipped": "-", "waiting": "…", "not run": "-"}


@dataclass(frozen=True, kw_only=True)
class StageLine:
    """One stage. `share` is its part of the longest stage's time (0 to 1); `earlier`: the record is of a former try."""

    name: str
    status: Status
    mark: str
    seconds: float | None = None
    attempt: int = 0
    said: str = ""
    share: float = 0.0
    earlier: bool = False
    started_at: str = ""
    finished_at: str = ""


def timeline(data: ReportData) -> tuple[StageLine, ...]:
    """All stages but the report itself, in pipeline order."""
    longest = max((record.seconds for record in data.records.values()), default=0.0)
    failed = first_failed(data)
    names = [name for name in pipeline.NAMES if name != "report"]
    if data.smoke is not None:
        names.insert(names.index("train"), data.smoke.stage)
    return tuple(_line(data, name, longest, failed) for name in names)


def _line(data: ReportData, name: str, longest: float, failed: Record | None) -> StageLine:
    record = data.smoke if data.smoke is not None and name == data.smoke.stage else data.records.get(name)
    if record is None:
        return StageLine(name=name, status="not run", mark=MARKS["not run"])
    return StageLine(
        name=name,
        status=record.status,
        mark=MARKS[record.status],
        seconds=record.seconds,
        attempt=record.attempt,
        said=_said(data, record),
        share=max(0.0, record.seconds / longest) if longest > 0 else 0.0,
        earlier=failed is not None and record.finished_at < failed.started_at and _after(name, failed.stage),
        started_at=record.started_at,
        finished_at=record.finished_at,
    )


def _after(name: str, other: str) -> bool:
    return _place(name) > _place(other)


def _place(name: str) -> float:
    """Where it stands in the pipeline; a smoke run stands just before the training."""
    return pipeline.NAMES.index(name) if name in pipeline.NAMES else pipeline.NAMES.index("train") - 0.5


def _said(data: ReportData, record: Record) -> str:
    if record.status != "passed":
        return one_line(record.error.cause if record.error else record.reason)
    words = SAID[record.stage](data) if record.stage in SAID else ""
    return one_line(words or record.reason)


def _plan(data: ReportData) -> str:
    plan = data.outputs.plan
    if plan is None:
        return ""
    if plan.freshness is not None:
        return plan.freshness.why
    new = "; nothing is new since an earlier run" if plan.nothing_new else ""
    return f"{'trusted' if plan.trusted else 'not trusted'}, runner {plan.runner}{new}"


def _build(data: ReportData) -> str:
    build = data.outputs.build
    if build is None:
        return ""
    built = sum(image.built for image in build.images.values())
    return f"{counted(len(build.images), 'image')}: {built} built, {len(build.images) - built} reused"


def _check(data: ReportData) -> str:
    return counted(len(data.outputs.check.commands), "command") if data.outputs.check else ""


def _scan(data: ReportData) -> str:
    scan = data.outputs.scan
    if scan is None:
        return ""
    listed = ", ".join(f"{count.total} {severity}" for severity, count in scan.findings.items() if count.total)
    return f"{scan.verdict}{': ' + listed if listed else ', no findings'}"


def _prepare(data: ReportData) -> str:
    prepare = data.outputs.prepare
    if prepare is None:
        return ""
    cached = ", cached" if prepare.cached else ""
    return f"{counted(prepare.files, 'file')}, {size(prepare.bytes)}{cached}, data {short(prepare.data_digest)}"


def _verify(data: ReportData) -> str:
    verify = data.outputs.verify
    if verify is None:
        return ""
    counts = {status: sum(check.status == status for check in verify.checks) for status in ("PASS", "WARN", "SKIP")}
    others = "".join(f", {count} {status}" for status, count in counts.items() if count and status != "PASS")
    return f"{verify.verdict}: {counts['PASS']} of {len(verify.checks)} checks passed{others}"


def _smoke(data: ReportData) -> str:
    smoke = data.outputs.smoke
    if smoke is None:
        return ""
    checks = ", ".join(f"{check.id} {check.status}" for check in smoke.checks)
    return f"{counted(smoke.steps, 'step')}: {checks}"


def _train(data: ReportData) -> str:
    train = data.outputs.train
    if train is None:
        return ""
    starts = f"{len(train.attempts)} starts, " if len(train.attempts) > 1 else ""
    peak = f", peak memory {size(train.peak_memory_bytes)}" if train.peak_memory_bytes else ""
    if train.sweep is not None:
        return f"{sweep_line(train.sweep)}{peak}"
    gpus = [device for device in train.devices if device != "cpu"]
    if not train.devices:
        return f"{starts}{peak}".strip(", ")
    return f"{starts}on {counted(len(gpus), 'GPU') if gpus else 'CPU'}{peak}"


def _evaluate(data: ReportData) -> str:
    evaluate = data.outputs.evaluate
    if evaluate is None:
        return ""
    rows = ", ".join(f"{row.name} {number(row.challenger)}" for row in metric_rows(data)[:2])
    return f"{evaluate.verdict}: {rows}" if rows else evaluate.verdict


def _publish(data: ReportData) -> str:
    publish = data.outputs.publish
    if publish is None:
        return ""
    count = publish.objects
    return (
        f"{publish.model.name} version {publish.model.version}; {counted(count.count, 'object')}, {size(count.bytes)} "
        f"({number(count.uploaded)} uploaded, {number(count.reused)} reused)"
    )


def _promote(data: ReportData) -> str:
    promote = data.outputs.promote
    if promote is None:
        return ""
    if promote.from_ == promote.to:
        return f"{promote.alias} stays at version {promote.to}" if promote.to else f"there is no {promote.alias} yet"
    return f"{promote.alias}: {f'version {promote.from_} → ' if promote.from_ else 'version '}{promote.to}"


def _deploy(data: ReportData) -> str:
    deploy = data.outputs.deploy
    if deploy is None:
        return ""
    checks = sum(check.status == "PASS" for check in deploy.smoke)
    passed = f"{checks} of {counted(len(deploy.smoke), 'check')} passed"
    return f"version {deploy.version} served by {deploy.image.pinned}; {passed}"


SAID: dict[str, Callable[[ReportData], str]] = {
    "plan": _plan,
    "build": _build,
    "check": _check,
    "scan": _scan,
    "prepare": _prepare,
    "verify": _verify,
    "smoke": _smoke,
    "train": _train,
    "evaluate": _evaluate,
    "publish": _publish,
    "promote": _promote,
    "deploy": _deploy,
}
