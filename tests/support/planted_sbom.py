"""An SBOM as Trivy writes it of an image, made by hand: a tree with chosen packages that nobody has to build."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROPERTY = "aquasecurity:trivy:"
BASE_DIFF_ID = "sha256:" + "b" * 64
OWN_DIFF_ID = "sha256:" + "a" * 64


@dataclass(frozen=True, kw_only=True)
class Planted:
    """One package: `kind` is `debian` or `python-pkg`."""

    name: str
    version: str = "1.0"
    kind: str = "debian"
    license: str = ""
    layer: str = OWN_DIFF_ID


def write_planted(
    path: Path, packages: Iterable[Planted], *, system: tuple[str, str] | None = ("debian", "12.5")
) -> Path:
    """Write the SBOM; `system` is the distribution and its version, None for an image without one."""
    components = [*([_system(*system)] if system else []), *(_component(one, system) for one in packages)]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
        "version": 1,
        "metadata": {
            "tools": {
                "components": [{"type": "application", "group": "aquasecurity", "name": "trivy", "version": "0.76.0"}]
            },
            "component": {
                "bom-ref": "top",
                "type": "container",
                "name": "top",
                "properties": [
                    _property("SchemaVersion", "2"),
                    _property("DiffID", BASE_DIFF_ID),
                    _property("DiffID", OWN_DIFF_ID),
                ],
            },
        },
        "components": components,
        "dependencies": [{"ref": "top", "dependsOn": [one["bom-ref"] for one in components]}],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def _system(name: str, version: str) -> dict[str, Any]:
    properties = [_property("Class", "os-pkgs"), _property("Type", name)]
    return {"bom-ref": "system", "type": "operating-system", "name": name, "version": version, "properties": properties}


def _component(one: Planted, system: tuple[str, str] | None) -> dict[str, Any]:
    properties = {"PkgID": f"{one.name}@{one.version}", "PkgType": one.kind, "LayerDiffID": one.layer}
    if one.kind == "python-pkg":
        purl = f"pkg:pypi/{one.name}@{one.version}"
        properties["FilePath"] = f"opt/venv/lib/python3.11/site-packages/{one.name}-{one.version}.dist-info/METADATA"
    else:
        name, version = system or ("debian", "12.5")
        purl = f"pkg:deb/{name}/{one.name}@{one.version}?arch=amd64&distro={name}-{version}"
        properties |= {"SrcName": one.name, "SrcVersion": one.version}
    licenses = {"licenses": [{"license": {"id": one.license}}]} if one.license else {}
    return {
        "bom-ref": purl,
        "type": "library",
        "name": one.name,
        "version": one.version,
        "purl": purl,
        **licenses,
        "properties": [_property(name, value) for name, value in properties.items()],
    }


def _property(name: str, value: str) -> dict[str, str]:
    return {"name": PROPERTY + name, "value": value}
