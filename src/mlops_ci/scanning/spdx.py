"""The SBOMs once more in the form of SPDX, by Trivy from the ones that are there: nothing is read again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlops_ci.files import digest_of, write_atomic
from mlops_ci.scanning.sbom import SUFFIX as CYCLONEDX
from mlops_ci.scanning.trivy import ScannerBrokenError, Trivy

SUFFIX = ".spdx.json"
# What differs from call to call is fixed, so that an equal tree gives an equal file.
NO_TIME = "1970-01-01T00:00:00Z"


def write_spdx(sboms: Sequence[Path], folder: Path, *, trivy: Trivy, timeout: float) -> list[Path]:
    """Write `NAME.spdx.json` beside the reports for each SBOM; gives the paths. Raises `ScannerBrokenError`."""
    made = []
    for path in sboms:
        what = f"SPDX form of {path.name}"
        words: list[str | Path] = ["sbom", "--format", "spdx-json", path.absolute()]
        document = trivy.json(words, what=what, timeout=timeout)
        if not str(document.get("spdxVersion", "")).startswith("SPDX-") or not document.get("packages"):
            raise ScannerBrokenError(f"{what}: Trivy wrote no SPDX", hint="is this the Trivy that is pinned?")
        made.append(folder / (path.name.removesuffix(CYCLONEDX) + SUFFIX))
        write_atomic(made[-1], json.dumps(_stable(document), indent=1, ensure_ascii=False) + "\n")
    return made


def _stable(document: dict[str, Any]) -> dict[str, Any]:
    creation = {**document.get("creationInfo", {}), "created": NO_TIME}
    plain = {**document, "creationInfo": creation}
    name = str(plain.pop("documentNamespace", "")).rpartition("-")[0]
    plain["packages"] = sorted(plain["packages"], key=lambda one: str(one.get("SPDXID")))
    return {**plain, "documentNamespace": f"https://mlops-ci.invalid/spdx/{digest_of([name, plain])}"}
