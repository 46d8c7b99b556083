"""What the model was made from, and how long the way from the commit to the model was."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_ci.records.build import BuiltImage
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.format import clean, duration, instant, moment


@dataclass(frozen=True, kw_only=True)
class Fact:
    """`code`: the value is a name or digest to copy, not prose."""

    label: str
    value: str
    code: bool = False


def commit_to_model(data: ReportData) -> float | None:
    """Seconds from the commit to the end of publish; None unless exactly what was committed was published."""
    record, line = data.records.get("publish"), data.info.lineage
    start = None if line.dirty else instant(line.commit_time)
    end = instant(record.finished_at) if record is not None and record.status == "passed" else None
    return (end - start).total_seconds() if start and end else None


def stages_seconds(data: ReportData) -> float:
    """The time that the stages took, added up."""
    return sum(record.seconds for record in data.records.values())


def top_image(data: ReportData) -> tuple[str, BuiltImage] | None:
    """The layer that ran, and its image."""
    build = data.outputs.build
    return (build.top, build.images[build.top]) if build and build.top in build.images else None


def facts(data: ReportData) -> tuple[Fact, ...]:
    """Everything by which this model can be made again; unknown parts are left out."""
    info, line = data.info, data.info.lineage
    prepared = data.outputs.prepare.data_digest if data.outputs.prepare else None
    top = top_image(data)
    found = (
        Fact(label="run", value=info.run, code=True),
        Fact(label="commit", value=line.commit or "", code=True),
        Fact(label="commit time", value=moment(line.commit_time) if line.commit_time else ""),
        Fact(label="branch", value=line.branch or "", code=True),
        Fact(label="uncommitted changes", value=f"yes, sha256 {line.diff_sha256}" if line.diff_sha256 else ""),
        Fact(label="code sha256", value=line.code_sha256, code=True),
        Fact(label="configuration sha256", value=line.config_sha256, code=True),
        Fact(label="data sha256", value=prepared or line.data_sha256 or "", code=True),
        Fact(label="seed", value=str(line.seed), code=True),
        Fact(label="image", value=top[1].ref if top else "", code=True),
        Fact(label="image digest", value=top[1].digest if top else "", code=True),
        Fact(label="image content key", value=top[1].content_key if top else "", code=True),
        Fact(label="extra packages", value=_extra(data)),
        Fact(label="plan", value=info.plan, code=True),
        Fact(label="mode", value=info.mode or "", code=True),
        Fact(label="mlops-ci", value=_versions(data)),
        Fact(label="machine", value=", ".join(sorted({record.host for record in data.records.values()}))),
        Fact(label="from commit to model", value=_way(data)),
    )
    return tuple(Fact(label=one.label, value=clean(one.value), code=one.code) for one in found if one.value)


def _extra(data: ReportData) -> str:
    """What was put over the image, and whose lock says so."""
    found = data.outputs.build.extra if data.outputs.build else None
    return f"{', '.join(found.packages)} ({found.lock}, sha256 {found.sha256})" if found is not None else ""


def _versions(data: ReportData) -> str:
    return ", ".join(sorted({record.version for record in data.records.values()}))


def _way(data: ReportData) -> str:
    seconds = commit_to_model(data)
    return duration(seconds) if seconds is not None else ""
