"""An SBOM in a version of CycloneDX that GitLab reads: it validates a `cyclonedx` report by the schemas of 1.4 to 1.6.

Trivy writes 1.7. A document that uses nothing which is new there is valid under 1.6 too; any other is left out.
"""

from __future__ import annotations

import json
from typing import Any

READ = frozenset({"1.4", "1.5", "1.6"})
NEWEST, NEXT = "1.6", "1.7"
SCHEMA = f"http://cyclonedx.org/schema/bom-{NEWEST}.schema.json"
# What 1.7 added (cyclonedx.org/docs/1.7/json), the largest part of it below `cryptoProperties`.
ADDED = frozenset(
    {
        "citations",
        "cryptoProperties",
        "distributionConstraints",
        "expressionDetails",
        "isExternal",
        "licensing",
        "patentAssertions",
        "patents",
        "versionRange",
    }
)


def readable(text: str) -> str | None:
    """The SBOM in a version that is read, or None."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    if not isinstance(document, dict) or document.get("bomFormat") != "CycloneDX":
        return None
    if document.get("specVersion") in READ:
        return text
    if document.get("specVersion") != NEXT or _uses_added(document):
        return None
    return json.dumps({**document, "specVersion": NEWEST, "$schema": SCHEMA}, indent=1) + "\n"


def _uses_added(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_uses_added, value))
    if not isinstance(value, dict):
        return False
    return bool(ADDED & value.keys()) or _mixed(value.get("licenses")) or any(map(_uses_added, value.values()))


def _mixed(licenses: Any) -> bool:
    """Before 1.7 an expression stands alone."""
    return isinstance(licenses, list) and len(licenses) > 1 and any("expression" in one for one in licenses)
