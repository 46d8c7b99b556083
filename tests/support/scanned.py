"""A result of a scan for tests of what is written from it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mlops_ci.records.scan import DatabaseInfo, ScanPart
from mlops_ci.scanning.findings import Finding, ScanTarget
from mlops_ci.scanning.licenses import Licensed
from mlops_ci.scanning.places import Sources
from mlops_ci.scanning.policy import decide
from mlops_ci.scanning.scanned import Scanned
from mlops_ci.scanning.trivy import Trivy
from mlops_ci.settings.scan import ScanSettings


def finding(number: int = 1, **fields: Any) -> Finding:
    return Finding(
        **{
            "kind": "vulnerability",
            "id": f"CVE-2099-{number:04}",
            "severity": "CRITICAL",
            "title": "planted",
            "where": "top",
            "package": "planted",
            "installed": "1.0",
            "fixed": "2.0",
            **fields,
        }
    )


def scanned(findings: Iterable[Finding] = (), **fields: Any) -> Scanned:
    moment = dt.datetime(2099, 1, 31, 12, 0, 5, tzinfo=dt.UTC)
    known: dict[str, Any] = {
        "targets": (ScanTarget(kind="image", ref="localhost/top:1", name="top"),),
        "systems": {"top": "debian 12.5"},
        "verdict": "findings",
        "parts": (ScanPart(name="vulnerabilities", status="FAIL", why="1 not allowed"),),
        "decision": decide(findings, ScanSettings()),
        "waivers": (),
        "database": DatabaseInfo(built_at="2099-01-01T00:00:00Z", age_hours=1.0, digest="d" * 64),
        "settings": ScanSettings(),
        "trivy": Trivy(path=Path("/bin/trivy"), version="0.76.0", sha256="a" * 64, cache=Path("/cache")),
        "packages": (Licensed(package="planted", version="1.0", kind="python-pkg", licenses=("MIT",), target="top"),),
        "sources": Sources(),
        "started": moment,
        "finished": moment + dt.timedelta(seconds=2),
    }
    return Scanned(**{**known, **fields})
