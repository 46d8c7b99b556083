"""The scan: every part is carried out, or its record says that it was not, and our own policy decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlops_ci.console import Console
from mlops_ci.errors import UncheckedError
from mlops_ci.records.scan import ScanOutputs, ScanPart
from mlops_ci.scanning import licenses, listing, parts
from mlops_ci.scanning.contents import read_contents
from mlops_ci.scanning.database import Database, DatabaseMissingError, obtain
from mlops_ci.scanning.findings import Finding, ScanTarget
from mlops_ci.scanning.outputs import FILES, written
from mlops_ci.scanning.places import Sources
from mlops_ci.scanning.policy import Decision, decide
from mlops_ci.scanning.report import Report
from mlops_ci.scanning.repository import scan_repository
from mlops_ci.scanning.sbom import EmptySbomError, Sbom, read_sbom
from mlops_ci.scanning.scanned import Scanned, Verdict
from mlops_ci.scanning.trivy import Trivy
from mlops_ci.scanning.vulnerabilities import Vulnerabilities, match
from mlops_ci.scanning.waivers import Judged, apply
from mlops_ci.settings.mirrors import MirrorSettings
from mlops_ci.settings.scan import ScanSettings
from mlops_ci.settings.waivers import Exceptions

LOUD = "NOT SCANNED FOR VULNERABILITIES"


class NothingToScanError(UncheckedError):
    """The scan was asked to judge nothing."""


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What one scan is of, and by what.

    `targets` and their `paths` (SBOMs) have the same order, and so has `kept`: files in which build wrote down what is
    inside the targets. `layers` are DiffIDs with the layer that brought each. `local` runs may go on without a
    database. `root` is the repository, or None where it is not scanned; `inside` whether the targets are there to be
    read, and not only their SBOMs.
    """

    targets: Sequence[ScanTarget]
    paths: Sequence[Path]
    settings: ScanSettings
    mirrors: MirrorSettings
    trivy: Trivy
    reports: Path
    local: bool
    console: Console
    root: Path | None
    inside: bool = True
    layers: Mapping[str, str] = field(default_factory=dict)
    kept: Sequence[Path] = ()
    exceptions: Exceptions = Exceptions()
    sources: Sources = Sources()
    today: dt.date | None = None


@dataclass(frozen=True, kw_only=True)
class _Found:
    """All that was found, before anybody has judged it. What was not looked at is None."""

    database: Database | None
    missing: str
    vulnerabilities: Vulnerabilities | None
    contents: Sequence[Report] | None
    repository: Report | None


def scan(plan: Scan) -> ScanOutputs:
    """Scan the targets and the repository, and decide by the policy. Reports go to `plan.reports`.

    The verdict `findings` is an outcome, not an error. Where no database can be had the verdict is `not-scanned` when
    `local`. Everything else that could not be carried out raises an `UncheckedError` (exit code 4), and no report is
    left behind.
    """
    started = dt.datetime.now(dt.UTC)
    if not plan.targets or len(plan.targets) != len(plan.paths):
        raise NothingToScanError(
            f"{len(plan.targets)} targets and {len(plan.paths)} SBOMs: nothing can be judged",
            hint="run `mlops-ci build` first",
        )
    for name in FILES:
        (plan.reports / name).unlink(missing_ok=True)
    sboms = [read_sbom(path) for path in plan.paths]
    if not any(sbom.packages for sbom in sboms):
        raise EmptySbomError(
            "the SBOMs list no package at all: nothing can be judged", hint="run `mlops-ci build --force`"
        )
    plan.console.say(f"scanning {', '.join(target.name for target in plan.targets)} with Trivy {plan.trivy.version}")
    return _concluded(plan, sboms, _look(plan, sboms), started)


def _look(plan: Scan, sboms: Sequence[Sbom]) -> _Found:
    settings = plan.settings
    database, missing = _database(plan)
    found = (
        match(
            plan.targets,
            plan.paths,
            sboms,
            trivy=plan.trivy,
            timeout=settings.timeout,
            layers=plan.layers,
            vex=plan.exceptions.vex,
            end_of_life=settings.end_of_life,
        )
        if database
        else None
    )
    kept: Sequence[Path | None] = plan.kept or [None] * len(plan.targets)
    contents = [
        read_contents(target, sbom, trivy=plan.trivy, secrets=settings.secrets, timeout=settings.timeout, kept=path)
        for target, sbom, path in zip(plan.targets, sboms, kept, strict=True)
        if plan.inside
    ]
    repository = (
        scan_repository(plan.root, trivy=plan.trivy, secrets=settings.secrets, timeout=settings.timeout)
        if plan.root is not None
        else None
    )
    return _Found(
        database=database,
        missing=missing,
        vulnerabilities=found,
        contents=contents if plan.inside else None,
        repository=repository,
    )


def _database(plan: Scan) -> tuple[Database | None, str]:
    """The database, or the reason why a local run goes on without one."""
    console = plan.console
    try:
        database = obtain(
            plan.trivy,
            repository=plan.mirrors.trivy_db,
            offline=plan.settings.offline,
            max_age=plan.settings.db_max_age,
        )
    except DatabaseMissingError as error:
        if not plan.local:
            raise
        console.annotate("warning", LOUD, f"{error.cause}. {error.hint}")
        return None, error.cause
    had = "downloaded" if database.downloaded else "from the cache"
    console.say(f"vulnerability database of {database.info.built_at} ({database.info.age_hours:g} h old), {had}")
    if database.warning:
        console.annotate("warning", "vulnerability database", database.warning)
    return database, ""


def _concluded(plan: Scan, sboms: Sequence[Sbom], found: _Found, started: dt.datetime) -> ScanOutputs:
    """Judge what was found, and write it down."""
    settings = plan.settings
    today = plan.today or started.date()
    packages = licenses.licensed([target.name for target in plan.targets], sboms)
    everything = _all_findings(found) + licenses.denied(packages, settings.deny_licenses)
    looked_at = {"package": found.vulnerabilities, "path": found.contents}
    marked, waivers = apply(
        everything,
        plan.exceptions.waivers,
        settings,
        today=today,
        looked_at=[name for name, one in looked_at.items() if one is not None],
    )
    decision = decide(marked, settings, today=today)
    judged = _parts(plan, decision, found, waivers)
    scanned = Scanned(
        targets=plan.targets,
        systems={target.name: sbom.system for target, sbom in zip(plan.targets, sboms, strict=True)},
        verdict=_verdict(decision, judged, waivers),
        parts=judged,
        decision=decision,
        waivers=waivers,
        database=found.database.info if found.database else None,
        settings=settings,
        trivy=plan.trivy,
        packages=packages,
        sources=plan.sources,
        started=started,
        finished=dt.datetime.now(dt.UTC),
    )
    _narrate(plan.console, scanned)
    return written(scanned, plan.reports, plan.paths)


def _all_findings(found: _Found) -> list[Finding]:
    listed = list(found.vulnerabilities.findings) if found.vulnerabilities else []
    reports = [*(found.contents or ()), *([found.repository] if found.repository else ())]
    return listed + [finding for report in reports for finding in report.findings]


def _parts(plan: Scan, decision: Decision, found: _Found, waivers: Sequence[Judged]) -> tuple[ScanPart, ...]:
    failing = decision.failing
    database = found.database.info if found.database else None
    return (
        parts.vulnerability_part(found.vulnerabilities, database, failing, found.missing),
        *parts.unjudged_parts(found.vulnerabilities),
        *parts.system_parts(plan.targets),
        *_content_parts(plan, decision, found),
        *parts.license_parts(plan.settings.deny_licenses, failing),
        *parts.waiver_parts(waivers),
    )


def _content_parts(plan: Scan, decision: Decision, found: _Found) -> tuple[ScanPart, ...]:
    if found.contents is None or found.repository is None:
        return parts.from_sbom_alone()
    failing = decision.failing
    return (
        parts.secret_part(plan.settings.secrets, failing),
        parts.image_part(plan.targets, failing),
        parts.dockerfile_part(len(found.repository.configurations), plan.targets, failing),
    )


def _verdict(decision: Decision, judged: Sequence[ScanPart], waivers: Sequence[Judged]) -> Verdict:
    if decision.failing or any(one.fails for one in waivers):
        return "findings"
    skipped = any(part.name == parts.VULNERABILITIES and part.status == "SKIP" for part in judged)
    return "not-scanned" if skipped else "passed"


def _narrate(console: Console, scanned: Scanned) -> None:
    for part in scanned.parts:
        console.say(f"{part.status:<4} {part.name}: {part.why}")
    for line in listing.console_lines(scanned.decision):
        console.say(line)
    for remark in scanned.remarks:
        console.annotate("warning", "waivers", remark)
    console.say(f"verdict: {scanned.verdict}")
