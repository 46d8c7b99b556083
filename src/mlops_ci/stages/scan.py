"""The stage scan: what the images hold, against the policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlops_ci.errors import GateError
from mlops_ci.files import digest_of
from mlops_ci.progress import activity
from mlops_ci.records.build import BuildOutputs
from mlops_ci.records.codec import to_json
from mlops_ci.records.scan import ScanOutputs
from mlops_ci.run.clock import now
from mlops_ci.scanning.database import cached_digest
from mlops_ci.scanning.findings import ScanTarget
from mlops_ci.scanning.scan import Scan, scan
from mlops_ci.scanning.waivers import ended
from mlops_ci.settings.settings import Settings
from mlops_ci.settings.waivers import WAIVERS_FILE
from mlops_ci.stages import extra
from mlops_ci.stages.build import over
from mlops_ci.stages.repository import sources
from mlops_ci.stages.result import Result
from mlops_ci.stages.session import Session
from mlops_ci.stages.trees import targets

NOT_SCANNED = "NOT SCANNED FOR VULNERABILITIES"


class FindingsError(GateError):
    """The scan found what the policy does not allow."""

    def __init__(self, cause: str, *, hint: str, outputs: ScanOutputs) -> None:
        super().__init__(cause, hint=hint)
        self.outputs = outputs


def inputs(session: Session) -> Mapping[str, Any]:
    """Images, repository, policy, exceptions and their ends, and the database: a newer one may know more."""
    scan_settings = session.settings.tables.scan
    return {
        "images": [plan.content_key for plan in session.resolution.images],
        "code": session.resolution.code_sha256,
        "scan": to_json(scan_settings),
        "db": cached_digest(session.workspace.cache / "trivy"),
        "provider": session.provider.name,
        **over(session),
        **_exceptions(session.settings),
        # What is young today is not tomorrow.
        **({"day": now().date().isoformat()} if scan_settings.grace_days else {}),
    }


def _exceptions(settings: Settings) -> Mapping[str, Any]:
    """What lets findings pass, with the waivers that do not hold today."""
    found = settings.exceptions
    if not found.waivers and not found.vex:
        return {}
    return {
        "exceptions": digest_of(to_json(found)),
        "ended": list(ended(found.waivers, settings.tables.scan, today=now().date())),
    }


def run(session: Session) -> Result:
    """Scan; findings above the policy raise, a scan that could not be made raises, only a local run may skip a part."""
    built = session.run.outputs("build", BuildOutputs)
    reports = session.run.path("scan")
    reports.mkdir(exist_ok=True)
    with activity(session.console, "scanning"):
        outputs = scan(
            replace(
                asked(
                    session,
                    targets=(*targets(session, built.images, built.top), *extra.targets(session)),
                    paths=[session.run.open(ref) for ref in built.sbom],
                    reports=reports,
                ),
                layers=built.layers,
                kept=[session.run.open(ref) for ref in built.contents],
            )
        )
    return judged(outputs, reports)


def asked(session: Session, *, targets: Sequence[ScanTarget], paths: Sequence[Path], reports: Path) -> Scan:
    """What is judged by the policy of this run, with its exceptions; `reports` is the folder for what it writes."""
    return Scan(
        targets=targets,
        paths=paths,
        settings=session.settings.tables.scan,
        mirrors=session.settings.tables.mirrors,
        trivy=replace(session.trivy, cache=session.workspace.cache / "trivy"),
        reports=reports,
        local=session.provider.local,
        console=session.console,
        root=session.settings.root,
        exceptions=session.settings.exceptions,
        sources=sources(session.settings),
        today=now().date(),
    )


def judged(outputs: ScanOutputs, reports: Path) -> Result:
    """The stage's result; raises `FindingsError` (exit code 1) for findings that the policy does not allow."""
    if outputs.verdict == "findings":
        failed = ", ".join(part.name for part in outputs.parts if part.status == "FAIL")
        raise FindingsError(
            f"the scan found what the policy does not allow: {failed}",
            hint=f"see {reports / 'findings.md'}; update the package, waive it in {WAIVERS_FILE}, or change [scan]",
            outputs=outputs,
        )
    learned = {"db": outputs.db.digest if outputs.db is not None else None}
    if outputs.verdict == "not-scanned":
        why = "; ".join(part.why for part in outputs.parts if part.status == "SKIP")
        return Result(
            status="skipped",
            outputs=outputs,
            reason=why if why.startswith(NOT_SCANNED) else f"{NOT_SCANNED}: {why}",
            warnings=(NOT_SCANNED,),
            learned=learned,
        )
    return Result(outputs=outputs, learned=learned, warnings=_remarks(outputs))


def _remarks(outputs: ScanOutputs) -> tuple[str, ...]:
    """Waivers that are for nothing, or that nobody owns."""
    return tuple(
        f"waiver: {one}" for one in outputs.waivers if not one.endswith((": used", ": not judged")) or "NO OWNER" in one
    )
