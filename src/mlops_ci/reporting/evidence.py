"""The folded parts of a summary: evidence behind the verdict, one part for each stage that left some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from mlops_ci.reporting import sweep as sweeps
from mlops_ci.reporting.charts import loss_curve
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.format import between, duration, moment, number, short, size
from mlops_ci.reporting.lineage import facts
from mlops_ci.reporting.markup import code, table, text
from mlops_ci.reporting.mermaid import xychart
from mlops_ci.reporting.notices import warnings
from mlops_ci.reporting.signatures import signatures

Part = tuple[str, str]
TRIALS = 12


def parts(data: ReportData) -> Iterable[Part]:
    """Title (inert) and content (Markdown) of each part that has content, the most telling first."""
    for make in (
        _curve,
        _gates,
        _drift,
        _smoke,
        _sweep,
        _attempts,
        _checks,
        _scan,
        _images,
        _publication,
        _lineage,
        _warnings,
    ):
        found = make(data)
        if found is not None:
            yield found


def _curve(data: ReportData) -> Part | None:
    series = loss_curve(data.metrics)
    chart = xychart(series) if series else ""
    return (f"Curve of <b>{text(series.name, 80)}</b>", chart) if series and chart else None


def _gates(data: ReportData) -> Part | None:
    evaluate = data.outputs.evaluate
    if evaluate is None or not evaluate.gates:
        return None
    rows = [
        (
            f"**{gate.verdict}**" if gate.verdict != "pass" else "pass",
            text(gate.id),
            text(number(gate.value)),
            text(number(gate.limit)),
            text(between(gate.interval)),
            text(gate.why),
        )
        for gate in evaluate.gates
    ]
    counts = _counted(gate.verdict for gate in evaluate.gates)
    return f"Gates: {counts}", table(("", "gate", "value", "limit", "interval", "why"), rows)


def _drift(data: ReportData) -> Part | None:
    drift = data.outputs.prepare.drift if data.outputs.prepare else None
    if drift is None:
        return None
    rows = [
        (
            f"**{one.status}**",
            text(one.column, 80),
            text(one.test),
            text(number(one.value)),
            text(number(one.limit)),
            text(one.why),
        )
        for one in drift.tests
    ]
    shown = table(("", "column", "test", "value", "limit", "why"), rows) if rows else ""
    return f"Data drift: {text(drift.verdict)}", f"{text(drift.why)}\n\n{shown}".strip()


def _smoke(data: ReportData) -> Part | None:
    smoke = data.outputs.smoke
    if smoke is None:
        return None
    rows = [
        (f"**{one.status}**" if one.status != "PASS" else one.status, one.id, text(one.why)) for one in smoke.checks
    ]
    return f"Smoke run: {_counted(one.status for one in smoke.checks)}", table(("", "check", "what was seen"), rows)


def _sweep(data: ReportData) -> Part | None:
    sweep = sweeps.sweep_of(data)
    if sweep is None:
        return None
    shown = [
        (
            f"**{row.trial.number}**" if row.best else str(row.trial.number),
            row.trial.status,
            text(number(row.trial.value)) if row.trial.value is not None else "–",
            *(text(one, 40) for one in row.params),
            text(row.trial.why, 120),
        )
        for row in sweeps.rows(sweep, TRIALS)
    ]
    heads = ("trial", "ended", text(sweep.metric, 40), *(text(name, 40) for name in sweeps.names(sweep)), "why")
    more = f"\n\nand {len(sweep.trials) - TRIALS} more on the page." if len(sweep.trials) > TRIALS else ""
    return f"Sweep: {text(sweeps.line(sweep))}", table(heads, shown) + more


def _attempts(data: ReportData) -> Part | None:
    train = data.outputs.train
    if train is None or len(train.attempts) < 2:
        return None
    rows = [
        (
            str(index),
            text(one.class_),
            str(one.exit_code),
            text(duration(one.seconds)),
            f"step {one.resumed_from}" if one.resumed_from is not None else "from scratch",
        )
        for index, one in enumerate(train.attempts, 1)
    ]
    again = ", ".join(
        f"{count} {word if count == 1 else plural}"
        for count, word, plural in ((train.retries, "retry", "retries"), (train.resumes, "resume", "resumes"))
        if count
    )
    title = f"Starts of the training: {len(rows)}" + (f" ({again})" if again else "")
    return title, table(("", "ended", "exit", "time", "started"), rows)


def _checks(data: ReportData) -> Part | None:
    verify = data.outputs.verify
    if verify is None:
        return None
    rows = [
        (f"**{one.status}**", text(one.id), text(one.cause), text(one.advice))
        for one in verify.checks
        if one.status != "PASS"
    ]
    counts = _counted(one.status for one in verify.checks)
    devices = ", ".join(map(code, verify.devices)) or "no device"
    content = table(("", "check", "cause", "advice"), rows) if rows else "Every check passed."
    return f"Node: {text(verify.verdict)} ({counts})", f"Devices: {devices}\n\n{content}"


def _scan(data: ReportData) -> Part | None:
    scan = data.outputs.scan
    if scan is None:
        return None
    blocks = [table(("", "part", "why"), [(f"**{one.status}**", text(one.name), text(one.why)) for one in scan.parts])]
    rows = [
        (text(name), str(one.total), str(one.fixable), str(one.new_since_base), str(one.waived))
        for name, one in scan.findings.items()
    ]
    if rows:
        blocks.append(table(("severity", "findings", "fixable", "new since base", "waived"), rows))
    if scan.waivers:
        blocks.append("Waivers:\n\n" + "\n".join(f"- {text(one)}" for one in scan.waivers))
    if scan.db is not None:
        blocks.append(
            f"Database of {text(moment(scan.db.built_at))}, {number(scan.db.age_hours, 3)} h old at the scan."
        )
    return f"Scan: {text(scan.verdict)}", "\n\n".join(blocks)


def _images(data: ReportData) -> Part | None:
    build = data.outputs.build
    if build is None or not build.images:
        return None
    rows = [
        (
            text(name),
            "built" if one.built else "reused",
            code(short(one.content_key)),
            text(size(one.bytes)),
            text(duration(one.seconds)),
            code(one.ref),
        )
        for name, one in build.images.items()
    ]
    counts = _counted("built" if one.built else "reused" for one in build.images.values())
    shown = table(("layer", "", "content key", "size", "time", "reference"), rows)
    over = [] if build.extra is None else [f"Over the image: {', '.join(build.extra.packages)} ({build.extra.lock})."]
    return f"Images: {counts}", "\n\n".join([shown, *(text(words) for words in (*over, *signatures(data)))])


def _publication(data: ReportData) -> Part | None:
    publish = data.outputs.publish
    if publish is None:
        return None
    count = publish.objects
    rows = [
        ("model", text(f"{publish.model.name} version {publish.model.version}")),
        ("store", code(publish.manifest.store)),
        ("manifest", code(publish.manifest.key)),
        ("manifest sha256", code(publish.manifest.sha256)),
        ("objects", text(f"{count.count}, {size(count.bytes)}: {count.uploaded} uploaded, {count.reused} reused")),
    ]
    return f"Published: {count.count} objects", table(("", ""), rows)


def _lineage(data: ReportData) -> Part:
    rows = [(text(one.label), code(one.value) if one.code else text(one.value)) for one in facts(data)]
    return "Lineage", table(("", ""), rows)


def _warnings(data: ReportData) -> Part | None:
    rows = [(text(stage), text(warning)) for stage, warning in warnings(data)]
    return (f"Warnings: {len(rows)}", table(("stage", "warning"), rows)) if rows else None


def _counted(words: Iterable[str]) -> str:
    return ", ".join(f"{count} {text(word)}" for word, count in Counter(words).items()) or "none"
