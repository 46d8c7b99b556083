"""What is known today of what was built before: a scan that reads the kept SBOM, and no image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mlops_ci.progress import activity
from mlops_ci.run.clock import now, stamp
from mlops_ci.scanning.scan import Scan, scan
from mlops_ci.stages.kept_sboms import find_kept
from mlops_ci.stages.repository import sources
from mlops_ci.stages.result import Result
from mlops_ci.stages.runner import StageCode, run_left_out, run_stage
from mlops_ci.stages.scan import judged
from mlops_ci.stages.sequence import CODE, page_of_failure
from mlops_ci.stages.session import Session

LEFT_OUT = "rescan only: what was built is held against today's database, nothing is built or run"
AGAIN = "mlops-ci rescan"


def run_rescan(session: Session) -> int:
    """The plan, the scan of the kept SBOM, and a page; everything else is recorded as left out."""
    for name, code in CODE.items():
        if name == "scan":
            record = run_stage(session, name, StageCode(inputs=_inputs, run=_run))
        elif name in ("plan", "report"):
            record = run_stage(session, name, code)
        else:
            record = run_left_out(session, name, LEFT_OUT)
        if record.status == "failed":
            page_of_failure(session, record, again=AGAIN)
            return record.exit_code
    return 0


def _inputs(session: Session) -> Mapping[str, Any]:
    """Asked again it is looked at again: what is known changes by the hour."""
    return {"rescan": [plan.content_key for plan in session.resolution.images], "at": stamp(now())}


def _run(session: Session) -> Result:
    kept = find_kept(session)
    settings = session.settings
    session.run.path("scan").mkdir(exist_ok=True)
    with activity(session.console, "scanning"):
        outputs = scan(
            Scan(
                targets=[one.target for one in kept],
                paths=[one.path for one in kept],
                settings=settings.tables.scan,
                mirrors=settings.tables.mirrors,
                trivy=replace(session.trivy, cache=session.workspace.cache / "trivy"),
                reports=session.run.path("scan"),
                local=False,
                console=session.console,
                root=None,
                inside=False,
                layers=kept[-1].layers,
                exceptions=settings.exceptions,
                sources=sources(settings),
                today=now().date(),
            )
        )
    return judged(outputs, session.run.path("scan"))
