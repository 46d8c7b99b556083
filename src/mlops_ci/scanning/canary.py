"""Can this database judge this target at all? Trivy says nothing when it has no data: exit code 0 and no findings.

The target's own packages are asked about in a version older than any fix, and with them some packages that are known to
have advisories. An ecosystem about which the database then says nothing is one that it does not know.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_ci.errors import UncheckedError
from mlops_ci.scanning.database import DatabaseBrokenError
from mlops_ci.scanning.pins import Canary, pins
from mlops_ci.scanning.sbom import PROPERTY, Sbom
from mlops_ci.scanning.scratch import scratch
from mlops_ci.scanning.trivy import ScannerBrokenError, Trivy

WHAT = "asking the vulnerability database for what it knows"


class BlindDatabaseError(UncheckedError):
    """The vulnerability database knows nothing about an ecosystem of the target: no findings would mean nothing."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Ecosystems (with their number of packages) that have been judged, and those for which there are no advisories."""

    known: Mapping[str, int]
    unknown: Mapping[str, int]


def prove(sboms: Sequence[Sbom], *, trivy: Trivy, timeout: float) -> Judged:
    """Which of the packages can be judged. One call for each operating system among the targets.

    Raises `BlindDatabaseError` when the database has nothing on an ecosystem that it should know.
    """
    totals: dict[str, int] = {}
    for sbom in sboms:
        for kind, count in sbom.packages.items():
            totals[kind] = totals.get(kind, 0) + count
    _systems_are_known(sboms)
    for system in sorted({sbom.system for sbom in sboms}):
        group = [sbom for sbom in sboms if sbom.system == system]
        wanted = {kind for sbom in group for kind in sbom.packages if kind in pins().canaries}
        silent = sorted(wanted - _answered(canary_document(group), trivy=trivy, timeout=timeout))
        if silent:
            where = f" ({system})" if system else ""
            raise BlindDatabaseError(
                f"the vulnerability database knows nothing about {', '.join(silent)}{where}: it cannot judge them",
                hint="is [mirrors] trivy-db a full copy, or this release of the system too new for it?",
            )
    return Judged(
        known={kind: count for kind, count in totals.items() if kind in pins().canaries},
        unknown={kind: count for kind, count in totals.items() if kind not in pins().canaries},
    )


def _systems_are_known(sboms: Sequence[Sbom]) -> None:
    """The packages of an operating system are never left out: a system without advisories cannot be judged."""
    families = {sbom.system.split()[0]: sbom.system for sbom in sboms if sbom.system}
    for family, system in sorted(families.items()):
        if family not in pins().canaries and any(family in sbom.packages for sbom in sboms):
            raise BlindDatabaseError(
                f"nothing is known of how to ask the vulnerability database about {system}: it cannot be judged",
                hint="build on one of: " + ", ".join(name for name, one in pins().canaries.items() if not one.purl),
            )


def canary_document(sboms: Sequence[Sbom]) -> dict[str, Any]:
    """A CycloneDX document with the packages of the targets, each in its ecosystem's ancient version."""
    components: dict[str, dict[str, Any]] = {}
    kinds: set[str] = set()
    for sbom in sboms:
        for component in sbom.document["components"]:
            kind = _kind(component)
            if component["type"] == "operating-system":
                components[component["bom-ref"]] = component
            elif kind in pins().canaries and component.get("purl"):
                kinds.add(kind)
                aged = _aged(component, kind, pins().canaries[kind])
                components[aged["bom-ref"]] = aged
    for kind in sorted(kinds):
        components.update({one["bom-ref"]: one for one in _well_known(kind, pins().canaries[kind])})
    first = sboms[0].document
    return {
        "bomFormat": first["bomFormat"],
        "specVersion": first["specVersion"],
        "version": 1,
        "metadata": {
            "tools": first["metadata"]["tools"],
            "component": {
                "bom-ref": "canary",
                "type": "application",
                "name": "canary",
                "properties": [{"name": f"{PROPERTY}SchemaVersion", "value": "2"}],
            },
        },
        "components": list(components.values()),
        "dependencies": [{"ref": "canary", "dependsOn": list(components)}],
    }


def _answered(document: dict[str, Any], *, trivy: Trivy, timeout: float) -> set[str]:
    """The ecosystems for which the database has at least one advisory."""
    with scratch(trivy.cache, "canary") as folder:
        path = folder / "canary.cdx.json"
        path.write_text(json.dumps(document))
        try:
            report = trivy.json(["sbom", "--scanners", "vuln", "--format", "json", path], what=WHAT, timeout=timeout)
        except ScannerBrokenError as error:
            raise DatabaseBrokenError(
                f"the vulnerability database gives no answer: {error.cause}",
                hint=f"remove {trivy.cache / 'db'} and run `mlops-ci scan` again",
                details=error.details,
            ) from error
    results = report.get("Results") or []
    return {str(one.get("Type")) for one in results if isinstance(one, dict) and one.get("Vulnerabilities")}


def _aged(component: dict[str, Any], kind: str, canary: Canary) -> dict[str, Any]:
    name, _, rest = str(component["purl"]).rpartition("@")
    qualifiers = [one for one in rest.partition("?")[2].split("&") if one and not one.startswith("epoch=")]
    purl = f"{name}@{canary.version}" + ("?" + "&".join(qualifiers) if qualifiers else "")
    properties = {"PkgType": kind}
    source = next((one["value"] for one in component.get("properties", []) if one["name"] == f"{PROPERTY}SrcName"), "")
    if source:
        properties |= {"SrcName": source, "SrcVersion": canary.version}
    fields = {key: value for key, value in component.items() if key in ("type", "name", "group")}
    return _component(purl, properties, {**fields, "version": canary.version})


def _well_known(kind: str, canary: Canary) -> Iterable[dict[str, Any]]:
    for name in canary.names:
        purl = f"{canary.purl}/{name}@{canary.version}"
        yield _component(purl, {"PkgType": kind}, {"type": "library", "name": name, "version": canary.version})


def _component(purl: str, properties: Mapping[str, str], fields: Mapping[str, Any]) -> dict[str, Any]:
    listed = [{"name": PROPERTY + name, "value": value} for name, value in properties.items()]
    return {"bom-ref": purl, "purl": purl, **fields, "properties": listed}


def _kind(component: dict[str, Any]) -> str:
    listed = component.get("properties", [])
    return next((str(one["value"]) for one in listed if one["name"] == f"{PROPERTY}PkgType"), "")
