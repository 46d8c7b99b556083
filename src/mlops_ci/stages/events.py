"""What the end of a run means to people: events made from its report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from mlops_ci.notifying.event import Event, Kind, Line, Trouble
from mlops_ci.providers.base import Provider
from mlops_ci.reporting.canary import canary_line
from mlops_ci.reporting.comparison import metric_rows
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.format import number
from mlops_ci.reporting.verdict import Verdict, model_name, verdict
from mlops_ci.run.clock import now, stamp
from mlops_ci.settings.settings import Settings

METRICS = 2
NONE: Mapping[str, str] = MappingProxyType({})
ENDED_WELL = ("promoted", "kept", "waiting")


def config_name(settings: Settings) -> str:
    """The configuration file as the repository knows it, so that two in one repository are told apart."""
    file = settings.file
    if file is None:
        return ""
    top = next((folder for folder in file.parents if (folder / ".git").exists()), file.parent)
    return file.relative_to(top).as_posix()


def line_of(settings: Settings, branch: str | None) -> Line:
    """Which runs belong together: those of one project, configuration, mode and branch."""
    return Line(project=settings.name, config=config_name(settings), mode=settings.mode or "", branch=branch or "")


def of_run(settings: Settings, provider: Provider, data: ReportData, *, lost_job: str = "") -> Iterator[Event]:
    """What this run's end means. Work that is not at its end means nothing, unless a job of it was lost."""
    found = verdict(data)
    about = _about(settings, provider, data)

    beside = {"canary": line} if (line := canary_line(data)) else {}

    def event(kind: Kind, title: str, *, facts: Mapping[str, str] = NONE, **more: Any) -> Event:
        return Event(kind=kind, title=title, facts={**facts, **beside}, **about, **more)

    if found.kind in ("failed", "rejected"):
        yield event("failure", f"{settings.name}: {found.title}", **_failure(found))
    elif lost_job and found.kind != "cancelled":
        yield event("failure", f"{settings.name}: a job failed", reason=lost_job, cause=lost_job)
    if lost_job or found.kind not in ENDED_WELL:
        return
    title = f"{settings.name}: runs end well again"
    yield event("recovery", title, reason=found.title, ends=("failure", "missed-run"))
    if found.kind == "promoted":
        yield event("promotion", found.title, reason=found.reason, cause=model_name(data), facts=_metrics(data))
    elif found.kind == "waiting":
        yield event(
            "approval", found.title, reason=found.reason, next_step=found.next_step, cause="", facts=_metrics(data)
        )


def of_no_run(settings: Settings, provider: Provider, reason: str) -> Event:
    """A pipeline that failed before there was a run."""
    return Event(
        kind="failure",
        line=line_of(settings, provider.branch()),
        title=f"{settings.name}: the pipeline failed before its run began",
        reason=reason,
        cause=reason,
        link=next(iter(provider.links().values()), ""),
        at=stamp(now()),
    )


def of_schedule(settings: Settings, provider: Provider, *, missed: bool, why: str) -> Event:
    """A scheduled run that did not happen, or that they happen again."""
    name = f"{settings.name}: " + ("a scheduled run did not happen" if missed else "the schedule runs again")
    return _of_watch(settings, provider, "missed-run", name, trouble=missed, why=why)


def of_decay(settings: Settings, provider: Provider, *, decayed: bool, why: str) -> Event:
    """A champion that became worse on fresh data, or that it is as good as at its promotion again."""
    name = f"{settings.name}: the champion is " + ("worse on fresh data" if decayed else "as good as at its promotion")
    return _of_watch(settings, provider, "decay", name, trouble=decayed, why=why)


def _of_watch(settings: Settings, provider: Provider, kind: Trouble, title: str, *, trouble: bool, why: str) -> Event:
    return Event(
        kind=kind if trouble else "recovery",
        line=line_of(settings, provider.branch()),
        title=title,
        reason=why,
        # One cause however long it lasts: `why` names times that change from look to look.
        cause=kind,
        link=next(iter(provider.links().values()), ""),
        ends=() if trouble else (kind,),
        at=stamp(now()),
    )


def _about(settings: Settings, provider: Provider, data: ReportData) -> dict[str, Any]:
    info = data.info
    links = {**info.links, **provider.links()}
    return {
        "line": line_of(settings, provider.branch() or info.lineage.branch),
        "link": next(iter(links.values()), ""),
        "run": info.run,
        "commit": info.lineage.commit or "",
        "at": stamp(now()),
    }


def _failure(found: Verdict) -> dict[str, Any]:
    failed = found.failed
    error = failed.error if failed is not None else None
    stage = failed.stage if failed is not None else ""
    return {
        "reason": found.reason,
        "next_step": found.next_step,
        "cause": f"{stage} {error.class_ if error else ''} {found.reason}",
        "facts": {"stage": stage, **({"class": error.class_} if error else {})},
    }


def _metrics(data: ReportData) -> Mapping[str, str]:
    return {
        row.name: number(row.challenger) + (f" ({row.change:+.3g} to the champion)" if row.change is not None else "")
        for row in metric_rows(data)[:METRICS]
    }
