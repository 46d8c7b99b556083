"""The summary for a CI provider's page: Markdown, the verdict first, details folded."""

from __future__ import annotations

from collections.abc import Iterable

from mlops_ci.reporting.canary import canary_line, canary_rows
from mlops_ci.reporting.comparison import metric_rows
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.evidence import parts
from mlops_ci.reporting.format import duration, number, short
from mlops_ci.reporting.lineage import commit_to_model, stages_seconds
from mlops_ci.reporting.markup import code, details, inert, pasteable, preformatted, table, text
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
CHANGED = 120
LOG_LINES = 40


def summary(data: ReportData) -> str:
    """The whole summary."""
    found = verdict(data)
    blocks = [
        heading(found),
        *alerts(data),
        *why(found),
        *guarded(data),
        about(data),
        stages(data),
        *nodes(data),
        *variants(data),
        *metrics(data),
        *canary(data),
        *(details(title, content) for title, content in parts(data)),
    ]
    return "\n\n".join(blocks) + "\n"


def heading(found: Verdict) -> str:
    """The verdict. Of the third level: it stands inside somebody else's page."""
    return f"### {ICONS[found.kind]} {found.kind.capitalize()}: {text(found.title)}"


def alerts(data: ReportData) -> Iterable[str]:
    """What a reader must not overlook, one block each."""
    for notice in notices(data):
        because = f": {text(notice.why)}" if notice.why else ""
        yield f"> [!{notice.level.upper()}]\n> **{text(notice.text)}**{because}"


def why(found: Verdict) -> Iterable[str]:
    """The reason and the next step; of a failure also the last lines of its log."""
    if found.reason:
        yield f"**Why:** {text(found.reason)}"
    if found.next_step:
        yield f"**Next step:** {text(found.next_step)}"
    failed = found.failed
    if failed and failed.error and failed.error.again:
        yield "**Again, on your machine:**\n\n" + pasteable(failed.error.again)
    lines = [line for warning in failed.warnings for line in warning.splitlines()] if failed else []
    if failed and lines:
        title = f"Last lines of <b>{inert(failed.stage)}</b>"
        yield details(title, preformatted(lines[-LOG_LINES:]))


def guarded(data: ReportData) -> Iterable[str]:
    """What a pull request does to the settings that decide what may pass: for whoever reviews it."""
    changes = data.outputs.plan.guarded_changes if data.outputs.plan else ()
    if not changes:
        return
    rows = [
        (
            code(one.key),
            text(one.before, CHANGED),
            text(one.after, CHANGED),
            "now" if one.in_force else "after the merge",
            text(one.where, CHANGED),
        )
        for one in changes[:METRICS]
    ]
    yield table(("what may pass", "in the base", "changed to", "in force", "where"), rows)
    if len(changes) > METRICS:
        yield f"and {len(changes) - METRICS} more in the record of plan."


def about(data: ReportData) -> str:
    """Which run of which commit this is."""
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


def stages(data: ReportData) -> str:
    """One row per stage."""
    return table(("", "stage", "time", "attempts", "result"), map(_stage, timeline(data)))


def nodes(data: ReportData) -> Iterable[str]:
    """One row per machine, where the run looked at several."""
    if data.nodes:
        rows = [(text(one.name), text(one.verdict or one.result), text(one.why, CHANGED)) for one in data.nodes]
        yield table(("node", "verdict", "why"), rows)


def variants(data: ReportData) -> Iterable[str]:
    """One row per further build of PyTorch that images were made for."""
    if data.variants:
        rows = [(text(one.name), text(one.result), text(one.why, CHANGED)) for one in data.variants]
        yield table(("images for", "result", "why"), rows)


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


def metrics(data: ReportData) -> Iterable[str]:
    """The run's metrics beside the champion's."""
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


def canary(data: ReportData) -> Iterable[str]:
    """The canary beside the night: it decides nothing."""
    record, out = data.canary, data.outputs.canary
    if record is None:
        return
    took = f", {text(duration(record.seconds))}" if record.seconds else ""
    yield f"**Canary{took}:** {text(canary_line(data), 300)}"
    if out is None:
        return
    if out.changed:
        changed = [(code(one.key), text(one.before, CHANGED), text(one.after, CHANGED)) for one in out.changed]
        yield table(("the canary's setting", "the night", "the canary"), changed[:METRICS])
    rows = [
        (
            f"**{text(row.name, 80)}**" if row.decides else text(row.name, 80),
            *(text(number(value)) if value is not None else "–" for value in (row.canary, row.night, row.champion)),
        )
        for row in canary_rows(data)[:METRICS]
    ]
    if rows:
        version = f"champion (version {text(out.champion.version)})" if out.champion else "champion"
        yield table(("metric", "canary", "this night", version), rows)
    if out.image:
        yield f"Image of the canary: {code(out.image)}, run {code(out.cell or '–')}."
