"""The scan: every part is carried out, or its record says that it was not, and our own policy decides."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from mlops_ci.console import Console
from mlops_ci.errors import UncheckedError
from mlops_ci.files import sha256_of
from mlops_ci.records.record import FileRef
from mlops_ci.records.scan import DatabaseInfo, ScanOutputs, ScanPart
from mlops_ci.scanning import listing, parts
from mlops_ci.scanning.contents import read_contents
from mlops_ci.scanning.database import Database, DatabaseMissingError, obtain
from mlops_ci.scanning.findings import Finding, ScanTarget
from mlops_ci.scanning.policy import Decision, decide, in_words
from mlops_ci.scanning.report import Report
from mlops_ci.scanning.repository import scan_repository
from mlops_ci.scanning.sbom import EmptySbomError, Sbom, read_sbom
from mlops_ci.scanning.trivy import Trivy
from mlops_ci.scanning.vulnerabilities import Vulnerabilities, match
from mlops_ci.settings.mirrors import MirrorSettings
from mlops_ci.settings.scan import ScanSettings

LOUD = "NOT SCANNED FOR VULNERABILITIES"


class NothingToScanError(UncheckedError):
    """The scan was asked to judge nothing."""


@dataclass(frozen=True, kw_only=True)
class _Scan:
    """What one scan is of, and by what."""

    targets: Sequence[ScanTarget]
    paths: Sequence[Path]
    sboms: Sequence[Sbom]
    settings: ScanSettings
    trivy: Trivy
    base_layers: Collection[str]
    kept: Sequence[Path | None]


def scan(
    targets: Sequence[ScanTarget],
    sboms: Sequence[Path],
    settings: ScanSettings,
    mirrors: MirrorSettings,
    *,
    trivy: Trivy,
    cache: Path,
    reports: Path,
    local: bool,
    root: Path,
    console: Console,
    base_layers: Collection[str] = (),
    kept: Sequence[Path] = (),
) -> ScanOutputs:
    """Scan the targets (with their SBOMs, in the same order) and the repository `root`, and decide by the policy.

    Findings go to `reports/findings.json` and `.md`; `base_layers` are the base image's DiffIDs; `kept` are files in
    which build wrote down what is inside the targets, in their order. The verdict `findings` is an outcome, not an
    error. Where no database can be had the verdict is `not-scanned` when `local`. Everything else that could not be
    carried out raises an `UncheckedError` (exit code 4), and no report is left behind.
    """
    if not targets or len(targets) != len(sboms):
        raise NothingToScanError(
            f"{len(targets)} targets and {len(sboms)} SBOMs: nothing can be judged", hint="run `mlops-ci build` first"
        )
    for name in ("findings.json", "findings.md"):
        (reports / name).unlink(missing_ok=True)
    read = [read_sbom(path) for path in sboms]
    if not any(sbom.packages for sbom in read):
        raise EmptySbomError(
            "the SBOMs list no package at all: nothing can be judged", hint="run `mlops-ci build --force`"
        )
    plan = _Scan(
        targets=targets,
        paths=sboms,
        sboms=read,
        settings=settings,
        trivy=replace(trivy, cache=cache),
        base_layers=base_layers,
        kept=kept or [None] * len(targets),
    )
    console.say(f"scanning {', '.join(target.name for target in targets)} with Trivy {trivy.version}")
    database, missing = _database(plan, mirrors, local=local, console=console)
    found = _vulnerabilities(plan) if database else None
    contents = [
        _contents(plan, target, sbom, kept) for target, sbom, kept in zip(targets, plan.sboms, plan.kept, strict=True)
    ]
    repository = scan_repository(root, trivy=plan.trivy, secrets=settings.secrets, timeout=settings.timeout)
    decision = decide(_all_findings(found, [*contents, repository]), settings)
    judged = _parts(plan, decision, found, database, missing, repository)
    verdict = _verdict(decision, judged)
    _narrate(console, verdict, decision, judged)
    return _outputs(plan, reports, verdict, judged, decision, database.info if database else None)


def _database(plan: _Scan, mirrors: MirrorSettings, *, local: bool, console: Console) -> tuple[Database | None, str]:
    """The database, or the reason why a local run goes on without one."""
    try:
        database = obtain(
            plan.trivy,
            repository=mirrors.trivy_db,
            offline=plan.settings.offline,
            max_age=plan.settings.db_max_age,
        )
    except DatabaseMissingError as error:
        if not local:
            raise
        console.annotate("warning", LOUD, f"{error.cause}. {error.hint}")
        return None, error.cause
    had = "downloaded" if database.downloaded else "from the cache"
    console.say(f"vulnerability database of {database.info.built_at} ({database.info.age_hours:g} h old), {had}")
    if database.warning:
        console.annotate("warning", "vulnerability database", database.warning)
    return database, ""


def _vulnerabilities(plan: _Scan) -> Vulnerabilities:
    return match(
        plan.targets,
        plan.paths,
        plan.sboms,
        trivy=plan.trivy,
        timeout=plan.settings.timeout,
        base_layers=plan.base_layers,
    )


def _contents(plan: _Scan, target: ScanTarget, sbom: Sbom, kept: Path | None) -> Report:
    settings = plan.settings
    return read_contents(target, sbom, trivy=plan.trivy, secrets=settings.secrets, timeout=settings.timeout, kept=kept)


def _all_findings(found: Vulnerabilities | None, reports: Sequence[Report]) -> list[Finding]:
    listed = list(found.findings) if found else []
    return listed + [finding for report in reports for finding in report.findings]


def _parts(
    plan: _Scan,
    decision: Decision,
    found: Vulnerabilities | None,
    database: Database | None,
    missing: str,
    repository: Report,
) -> tuple[ScanPart, ...]:
    failing = decision.failing
    return (
        parts.vulnerability_part(found, database.info if database else None, failing, missing),
        *parts.unjudged_parts(found),
        *parts.system_parts(plan.targets),
        parts.secret_part(plan.settings.secrets, failing),
        parts.image_part(plan.targets, failing),
        parts.dockerfile_part(len(repository.configurations), plan.targets, failing),
    )


def _verdict(decision: Decision, judged: Sequence[ScanPart]) -> Literal["passed", "findings", "not-scanned"]:
    if decision.failing:
        return "findings"
    skipped = any(part.name == parts.VULNERABILITIES and part.status == "SKIP" for part in judged)
    return "not-scanned" if skipped else "passed"


def _narrate(console: Console, verdict: str, decision: Decision, judged: Sequence[ScanPart]) -> None:
    for part in judged:
        console.say(f"{part.status:<4} {part.name}: {part.why}")
    for line in listing.console_lines(decision):
        console.say(line)
    console.say(f"verdict: {verdict}")


def _outputs(
    plan: _Scan,
    reports: Path,
    verdict: Literal["passed", "findings", "not-scanned"],
    judged: tuple[ScanPart, ...],
    decision: Decision,
    database: DatabaseInfo | None,
) -> ScanOutputs:
    written = listing.write_reports(
        reports,
        decision=decision,
        verdict=verdict,
        parts=judged,
        database=database,
        policy=in_words(plan.settings),
        scanner=f"Trivy {plan.trivy.version} (sha256 {plan.trivy.sha256})",
    )
    return ScanOutputs(
        verdict=verdict,
        parts=judged,
        findings=decision.counts,
        db=database,
        reports=tuple(
            FileRef(path=path.relative_to(reports.parent).as_posix(), bytes=path.stat().st_size, sha256=sha256_of(path))
            for path in written
        ),
    )
