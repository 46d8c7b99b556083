"""The page at the end of a run, for a terminal: plain text, at most 28 lines of 100 characters."""

from __future__ import annotations

import textwrap
from pathlib import Path

from mlops_ci.reporting.canary import canary_line
from mlops_ci.reporting.comparison import MetricRow, metric_rows
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.format import duration, number, one_line
from mlops_ci.reporting.lineage import commit_to_model, stages_seconds
from mlops_ci.reporting.notices import notices
from mlops_ci.reporting.timeline import StageLine, timeline
from mlops_ci.reporting.verdict import Verdict, verdict

WIDTH = 100
METRICS = 4
REASON_LINES = 2


def page_text(data: ReportData) -> str:
    """The page. Only a command and the HTML page's path may be longer than a line: cut, they would be of no use."""
    found = verdict(data)
    lines = [
        f"{found.kind.upper()}: {found.title}",
        *_wrapped(found.reason, "  ", "  "),
        _about(data),
        *(
            f"! {notice.text}{': ' if notice.why else ''}{notice.why}"
            for notice in notices(data)
            if notice.level != "note"
        ),
        "",
        *map(_stage, timeline(data)),
        "",
        *_metrics(data),
        *_wrapped(canary_line(data), "canary: ", "        "),
        *_time(data),
        *_problems(data),
        *_wrapped(found.next_step, "next: ", "      "),
    ]
    return "\n".join([*map(_fitted, lines), *_again(found), *_page(data)])


def _again(found: Verdict) -> list[str]:
    """The command that repeats what failed. What brings run and commit from CI stands in the log and on the page."""
    again = found.failed.error.again if found.failed and found.failed.error else ()
    return [f"again: {one_line(again[-1])}"] if again else []


def _fitted(line: str) -> str:
    indent = line[: len(line) - len(line.lstrip())]
    return (indent + one_line(line, WIDTH - len(indent))).rstrip()


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    """At most `REASON_LINES` lines; what does not fit ends in an ellipsis."""
    return textwrap.wrap(
        one_line(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        max_lines=REASON_LINES,
        placeholder=" …",
        break_on_hyphens=False,
    )


def _about(data: ReportData) -> str:
    info, line = data.info, data.info.lineage
    commit = f"commit {line.commit[:12]}" if line.commit else "no commit"
    where = ", ".join(word for word in (line.branch, "uncommitted changes" if line.dirty else None) if word)
    variant = "CPU" if info.variant == "cpu" else f"variant {info.variant}"
    return f"run {info.run} · {variant} · engine {info.engine} · {commit}{f' ({where})' if where else ''}"


def _stage(line: StageLine) -> str:
    took = duration(line.seconds) if line.seconds is not None else ""
    again = f" (attempt {line.attempt})" if line.attempt > 1 else ""
    earlier = "earlier attempt: " if line.earlier else ""
    said = f"{earlier}{line.said}" if line.status != "not run" else "not run"
    head = f"{line.mark} {line.name:<9}{took:>12}  "
    return f"{head}{one_line(said, WIDTH - len(head) - len(again))}{again}"


def _metrics(data: ReportData) -> list[str]:
    rows = metric_rows(data)
    champion = data.outputs.evaluate.champion if data.outputs.evaluate else None
    if not rows:
        return []
    shown = rows if len(rows) <= METRICS else rows[: METRICS - 1]
    name = max(len(one_line(row.name, 40)) for row in shown)
    value = max(len(number(row.challenger)) for row in shown)
    head = f"metrics, champion: version {one_line(champion.version, 20)}" if champion else "metrics"
    more = [f"  and {len(rows) - len(shown)} more"] if len(rows) > len(shown) else []
    return [head, *(f"  {_metric(row, name, value)}" for row in shown), *more]


def _metric(row: MetricRow, name: int, value: int) -> str:
    where = "" if row.same_data else " on other data"
    theirs = f"  champion {number(row.champion)}{where}" if row.champion is not None else ""
    change = f" ({row.change:+.3g})" if row.change is not None else ""
    return f"{one_line(row.name, 40):<{name}}  {number(row.challenger):<{value}}{theirs}{change}"


def _time(data: ReportData) -> list[str]:
    way = commit_to_model(data)
    tail = f"; from commit to model {duration(way)}" if way is not None else ""
    return [f"time: {duration(stages_seconds(data))} in stages{tail}"] if data.records else []


def _problems(data: ReportData) -> list[str]:
    more = f" (and {len(data.problems) - 1} more)" if len(data.problems) > 1 else ""
    return [f"! {one_line(data.problems[0], WIDTH - 2 - len(more))}{more}"] if data.problems else []


def _page(data: ReportData) -> list[str]:
    page = data.folder / "report" / "index.html"
    if not page.is_file():
        return []
    here, there = Path.cwd(), page.resolve()
    return [f"page: {there.relative_to(here) if there.is_relative_to(here) else there}"]
