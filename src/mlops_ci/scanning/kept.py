"""What build found inside an image, written down for a scan on another machine that has no such image."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mlops_ci.files import write_json
from mlops_ci.scanning.analysis import arguments
from mlops_ci.scanning.findings import ScanTarget
from mlops_ci.scanning.memory import FORMAT
from mlops_ci.scanning.report import Report, restored
from mlops_ci.scanning.trivy import Trivy

SUFFIX = ".contents.json"


def write_contents(path: Path, report: Report, target: ScanTarget, *, trivy: Trivy, secrets: bool) -> None:
    """Write the report on a target with the question that it answers."""
    write_json(path, {"question": _question(target, trivy, secrets=secrets), "report": asdict(report)})


def kept_contents(path: Path, target: ScanTarget, *, trivy: Trivy, secrets: bool) -> Report | None:
    """The report, if it answers the very question that would be asked now; else None, and the target must be read."""
    try:
        kept = json.loads(path.read_bytes())
        same = kept["question"] == _question(target, trivy, secrets=secrets)
        return restored(kept["report"]) if same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _question(target: ScanTarget, trivy: Trivy, *, secrets: bool) -> list[Any]:
    """Another scanner, another setting or another format is another question; where the target lies is not.

    Nor is what hangs in a root beside its image: that differs from job to job.
    """
    asked = [
        word for word in arguments(replace(target, skipped=()), secrets=secrets) if not word.endswith(target.folder)
    ]
    return [FORMAT, trivy.sha256, target.kind, target.name, asked]
