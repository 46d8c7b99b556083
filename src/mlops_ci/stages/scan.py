"""The stage scan: what the images hold, against the policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_ci.errors import GateError
from mlops_ci.images.lookup import engine_image
from mlops_ci.progress import activity
from mlops_ci.records.build import BuildOutputs
from mlops_ci.records.codec import to_json
from mlops_ci.records.scan import ScanOutputs
from mlops_ci.scanning.database import cached_digest
from mlops_ci.scanning.scan import scan
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
    """Images, repository, policy, and the database: a newer one may know more."""
    return {
        "images": [plan.content_key for plan in session.resolution.images],
        "code": session.resolution.code_sha256,
        "scan": to_json(session.settings.tables.scan),
        "db": cached_digest(session.workspace.cache / "trivy"),
        "provider": session.provider.name,
    }


def run(session: Session) -> Result:
    """Scan; findings above the policy raise, a scan that could not be made raises, only a local run may skip a part."""
    built = session.run.outputs("build", BuildOutputs)
    reports = session.run.path("scan")
    reports.mkdir(exist_ok=True)
    with activity(session.console, "scanning"):
        outputs = scan(
            targets(session, built.images, built.top),
            [session.run.open(ref) for ref in built.sbom],
            session.settings.tables.scan,
            session.settings.tables.mirrors,
            trivy=session.trivy,
            cache=session.workspace.cache / "trivy",
            reports=reports,
            local=session.provider.local,
            root=session.settings.root,
            console=session.console,
            base_layers=_base_layers(session),
            kept=[session.run.open(ref) for ref in built.contents],
        )
    if outputs.verdict == "findings":
        failed = ", ".join(part.name for part in outputs.parts if part.status == "FAIL")
        raise FindingsError(
            f"the scan found what the policy does not allow: {failed}",
            hint=f"see {reports / 'findings.md'}; update the package, or change [scan]",
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
    return Result(outputs=outputs, learned=learned)


def _base_layers(session: Session) -> tuple[str, ...]:
    """The file system layers of the image that ours stand on, as far as the engine has it."""
    lowest = session.resolution.images[0]
    base = lowest.spec.base if lowest.spec is not None else None
    found = engine_image(base.ref) if base is not None and session.engine.name == "docker" else None
    return found.layers if found is not None else ()
