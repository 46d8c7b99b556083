"""Software bills of material in CycloneDX JSON: one file per scanned tree, equal bytes for an equal tree."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlops_ci.console import Console
from mlops_ci.errors import UncheckedError
from mlops_ci.files import canonical_json, write_atomic
from mlops_ci.scanning.analysis import analyse, skip_archives, tree
from mlops_ci.scanning.findings import ScanTarget
from mlops_ci.scanning.scratch import scratch
from mlops_ci.scanning.trivy import ScannerBrokenError, Trivy

SUFFIX = ".cdx.json"
PROPERTY = "aquasecurity:trivy:"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
NAMESPACE = uuid.UUID("6f1c1e52-8f5b-5c0e-9d39-2b1d0b6f7a11")
DEFAULT_TIMEOUT = 1200.0


class EmptySbomError(UncheckedError):
    """A tree in which no package was found: nothing could be judged by it."""


@dataclass(frozen=True, kw_only=True)
class Sbom:
    """What the scan reads of an SBOM: packages by ecosystem, the operating system, an image's layers (DiffIDs).

    `bytes` are what the layers hold unpacked, 0 where the SBOM does not say it.
    """

    packages: dict[str, int]
    system: str
    layers: frozenset[str]
    bytes: int = 0
    document: dict[str, Any]


def write_sboms(
    targets: Sequence[ScanTarget],
    folder: Path,
    *,
    trivy: Trivy,
    console: Console | None = None,
    cache: Path | None = None,
    secrets: bool = True,
    timeout: float = DEFAULT_TIMEOUT,
) -> tuple[Path, ...]:
    """Write `NAME.cdx.json` for each target into `folder`, atomically; gives the paths in the order of the targets.

    `secrets` is the setting `[scan] secrets`: with it an image's layers are searched in the same pass, and the scan
    stage finds that work done if it has the same `cache` (default: Trivy's). Raises `EmptySbomError` where there should
    be packages and none was found, else `ScannerBrokenError`.
    """
    scanner = replace(trivy, cache=cache) if cache else trivy
    written = []
    for target in targets:
        if console is not None:
            console.say(f"SBOM of {target.kind} {target.name} by Trivy {trivy.version}")
        written.append(_write(target, folder, trivy=scanner, secrets=secrets, timeout=timeout))
    return tuple(written)


def file_name(target: ScanTarget) -> str:
    """The name of the target's SBOM."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", target.name).strip("-.") + SUFFIX


def read_sbom(path: Path) -> Sbom:
    """An SBOM that `write_sboms` wrote. Raises `ScannerBrokenError` when it is damaged."""
    try:
        document = json.loads(path.read_bytes())
        components = [one for one in document["components"] if one["type"] == "library"]
        kinds = [kind for one in components for kind in properties(one, "PkgType")]
        systems = [one for one in document["components"] if one["type"] == "operating-system"]
        subject = document["metadata"]["component"]
        layers = frozenset(properties(subject, "DiffID"))
        size = int((properties(subject, "Size") or ["0"])[0])
        system = " ".join(str(systems[0].get(key, "")) for key in ("name", "version")).strip() if systems else ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ScannerBrokenError(f"{path.name}: not readable as CycloneDX: {error!r}", hint=_AGAIN) from error
    counts = {kind: kinds.count(kind) for kind in sorted(set(kinds))}
    return Sbom(packages=counts, system=system, layers=layers, document=document, bytes=size)


def stable(document: dict[str, Any], name: str) -> dict[str, Any]:
    """The document without what changes from run to run: random ids become numbered ones, all orders fixed.

    The time of writing is left out, because an equal tree must give an equal file: its digest is what the scan's
    fingerprint holds.
    """
    metadata = {key: value for key, value in document.get("metadata", {}).items() if key != "timestamp"}
    metadata["component"] = {**metadata.get("component", {}), "name": name}
    components = sorted(document.get("components", []), key=_identity)
    plain = {**document, "metadata": metadata, "components": components}
    plain.pop("serialNumber", None)
    numbers: dict[str, str] = {}
    for one in [metadata["component"], *components]:
        if UUID.fullmatch(str(one.get("bom-ref", ""))):
            numbers[one["bom-ref"]] = str(uuid.uuid5(NAMESPACE, f"{name}/{len(numbers)}"))
    text = UUID.sub(lambda match: numbers.get(match[0], match[0]), json.dumps(plain, ensure_ascii=False))
    renamed: dict[str, Any] = json.loads(text)
    renamed["dependencies"] = sorted(
        ({**one, "dependsOn": sorted(one.get("dependsOn", []))} for one in renamed.get("dependencies", [])),
        key=lambda one: str(one["ref"]),
    )
    serial = uuid.uuid5(NAMESPACE, hashlib.sha256(canonical_json(renamed)).hexdigest())
    return {"serialNumber": f"urn:uuid:{serial}", **renamed}


def _identity(component: dict[str, Any]) -> str:
    """What a component is, without the random id that it may have."""
    return canonical_json({key: value for key, value in component.items() if key != "bom-ref"}).decode()


def _write(target: ScanTarget, folder: Path, *, trivy: Trivy, secrets: bool, timeout: float) -> Path:
    what = f"SBOM of {target.kind} {target.name}"
    if target.kind == "image":
        report = analyse(target, trivy=trivy, secrets=secrets, timeout=timeout, judged=False)
        document = _convert(report, trivy=trivy, what=what, timeout=timeout)
    else:
        words = ["rootfs", *skip_archives(), "--format", "cyclonedx", *tree(target)]
        document = trivy.json(words, what=what, timeout=timeout)
    components = document.get("components")
    listed = isinstance(components, list) and any(one.get("type") == "library" for one in components)
    if not listed and not _truly_empty(target):
        raise EmptySbomError(
            f"{target.kind} {target.name}: no package was found, so nothing can be judged", hint=_EMPTY
        )
    path = folder / file_name(target)
    write_atomic(path, json.dumps(stable(document, target.name), indent=1, ensure_ascii=False) + "\n")
    return path


def _truly_empty(target: ScanTarget) -> bool:
    """Whether an environment holds no installed distribution: one of a chain may add nothing to those below it."""
    if target.kind != "environment":
        return False
    return next(Path(target.folder).glob("lib/python*/site-packages/*.dist-info/METADATA"), None) is None


def _convert(report: Any, *, trivy: Trivy, what: str, timeout: float) -> dict[str, Any]:
    """The CycloneDX form of a report. It names an image's environment: the file is ours alone, and goes at once."""
    with scratch(trivy.cache, "convert") as folder:
        path = folder / "report.json"
        path.write_text(json.dumps(report))
        converted: dict[str, Any] = trivy.json(["convert", "--format", "cyclonedx", path], what=what, timeout=timeout)
        return converted


def properties(component: Mapping[str, Any], name: str) -> list[str]:
    """The values of a property that Trivy gave a component."""
    return [str(one["value"]) for one in component.get("properties", []) if one["name"] == PROPERTY + name]


_EMPTY = "is it the right image or environment? An empty SBOM never counts as clean"
_AGAIN = "run `mlops-ci build --force` to write it again"
