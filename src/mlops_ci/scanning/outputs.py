"""All reports of one scan, written into one folder; the outputs of the record name them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mlops_ci.files import sha256_of, write_atomic
from mlops_ci.records.record import FileRef
from mlops_ci.records.scan import ScanOutputs
from mlops_ci.scanning import gitlab, junit, listing, sarif
from mlops_ci.scanning.licenses import counted
from mlops_ci.scanning.scanned import Scanned
from mlops_ci.scanning.spdx import write_spdx

JSON, MARKDOWN = "findings.json", "findings.md"
SARIF = "scan.sarif"
GITLAB = "gl-container-scanning-report.json"
JUNIT = "junit.xml"
LICENSES = "licenses.json"
WRITERS: Mapping[str, Callable[[Scanned], str]] = {
    JSON: lambda scanned: _json(listing.document(scanned)),
    MARKDOWN: listing.markdown,
    SARIF: lambda scanned: _json(sarif.document(scanned)),
    GITLAB: lambda scanned: _json(gitlab.document(scanned)),
    JUNIT: junit.text,
    LICENSES: lambda scanned: _json(listing.licenses(scanned)),
}
FILES = tuple(WRITERS)


def written(scanned: Scanned, folder: Path, sboms: Sequence[Path]) -> ScanOutputs:
    """Write the reports, and the SBOMs in the form of SPDX where that is asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in WRITERS.items():
        paths.append(folder / name)
        write_atomic(paths[-1], text(scanned))
    if scanned.settings.spdx:
        paths += write_spdx(sboms, folder, trivy=scanned.trivy, timeout=scanned.settings.timeout)
    return ScanOutputs(
        verdict=scanned.verdict,
        parts=scanned.parts,
        findings=scanned.decision.counts,
        db=scanned.database,
        waivers=tuple(one.line for one in scanned.waivers),
        licenses=counted(scanned.packages),
        reports=tuple(
            FileRef(path=path.relative_to(folder.parent).as_posix(), bytes=path.stat().st_size, sha256=sha256_of(path))
            for path in paths
        ),
    )


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
