"""The summary for a CI provider's page: Markdown, the verdict first, details folded."""

from __future__ import annotations

from collections.abc import Iterable

from mlops_ci.reporting.comparison import metric_rows
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.evidence import parts
from mlops_ci.reporting.format import duration, number, short
from mlops_ci.reporting.lineage import commit_to_model, stages_seconds
from mlops_ci.reporting.markup import code, details, inert, preformatted, table, text
from mlops_ci.reporting.notices import notices
from mlops_ci.reporting.timeline import StageLine, Status, timeline
from mlops_ci.reporting.verdict import Kind, Verdict, verdict

ICONS: dict[Kind, str] = {
    "promoted": "🏆",
    "kept": "✅",
    "waiting": "✋",
    "failed": "❌",
    "rejected": "⛔",
    "cancelled": "🛑",
    "unfinished": "⏳",
    "skipped": "⏭️",
}
MARKS: dict[Status, str] = {"passed": "✅", "failed": "❌", "skipped": "⏭️", "waiting": "✋", "not run": "▫️"}
METRICS = 12
LOG_LINES = 40


def summary(data: ReportData) -> str:
    """The whole summary. Headings are of the third level: it stands inside somebody else's page."""
    found = verdict(data)
    blocks = [
        f"### {ICONS[found.kind]} {found.kind.capitalize()}: {text(found.title)}",
        *_alerts(data),
        *_why(found),
        _about(data),
        _stages(data),
        *_metrics(data),
        *(details(title, content) for title, content in parts(data)),
    ]
    return "\n\n".join(blocks) + "\n"


def _alerts(data: ReportData) -> Iterable[str]:
    for notice in notices(data):
        why = f": {text(notice.why)}" if notice.why else ""
        yield f"> [!{notice.level.upper()}]\n> **{text(notice.text)}**{why}"


def _why(found: Verdict) -> Iterable[str]:
    if found.reason:
        yield f"**Why:** {text(found.reason)}"
    if found.next_step:
        yield f"**Next step:** {text(found.next_step)}"
    failed = found.failed
    lines = [line for warning in failed.warnings for line in warning.splitlines()] if failed else []
    if failed and lines:
        title = f"Last lines of <b>{inert(failed.stage)}</b>"
        yield details(title, preformatted(lines[-LOG_LINES:]))


def _about(data: ReportData) -> str:
    info, way = data.info, commit_to_model(data)
    cells = {
        "run": code(info.run),
        "commit": code(short(info.lineage.commit)) + (" + changes" if info.lineage.dirty else ""),
        "branch": text(info.lineage.branch or ""),
        "engine": text(info.engine),
        "variant": "**CPU**" if info.variant == "cpu" else text(info.variant),
        "time": text(duration(stages_seconds(data))),
        "commit to model": text(duration(way)) if way is not None else "–",
    }
    return table(tuple(cells), [tuple(cells.values())])


def _stages(data: ReportData) -> str:
    return table(("", "stage", "time", "attempts", "result"), map(_stage, timeline(data)))


def _stage(line: StageLine) -> tuple[str, ...]:
    took = duration(line.seconds) if line.seconds is not None else ""
    said = f"earlier attempt: {line.said}" if line.earlier else line.said
    return (
        MARKS[line.status],
        text(line.name),
        text(took),
        str(line.attempt or "–"),
        text(said if line.status != "not run" else "not run", 160),
    )


def _metrics(data: ReportData) -> Iterable[str]:
    rows = metric_rows(data)
    champion = data.outputs.evaluate.champion if data.outputs.evaluate else None
    if not rows:
        return
    shown = [
        (
            f"**{text(row.name, 80)}**" if row.decides else text(row.name, 80),
            text(number(row.challenger)),
            *(
                (text(number(row.champion)), f"{row.change:+.3g}" if row.change is not None else "–")
                if champion
                else ()
            ),
        )
        for row in rows[:METRICS]
    ]
    where = "" if rows[0].same_data else ", on other data"
    theirs = (f"champion (version {text(champion.version)}{where})", "change") if champion else ()
    yield table(("metric", "this run", *theirs), shown)
    if len(rows) > METRICS:
        yield f"and {len(rows) - METRICS} more metrics on the report page."
