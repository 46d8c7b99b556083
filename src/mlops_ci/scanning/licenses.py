"""Licences of the packages, as the SBOM names them; those that the policy denies are findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_ci.scanning.findings import Finding
from mlops_ci.scanning.policy import matches
from mlops_ci.scanning.sbom import Sbom, properties

UNKNOWN = "unknown"
SEVERITY = "HIGH"


@dataclass(frozen=True, kw_only=True)
class Licensed:
    """A package and its licences, `unknown` where it names none."""

    package: str
    version: str
    kind: str
    licenses: tuple[str, ...]
    target: str
    layer: str = ""


def licensed(names: Sequence[str], sboms: Sequence[Sbom]) -> tuple[Licensed, ...]:
    """All packages of the targets with these names, in the order of their names."""
    found = [one for name, sbom in zip(names, sboms, strict=True) for one in _of(name, sbom)]
    return tuple(sorted(found, key=lambda one: (one.package, one.version, one.target)))


def denied(packages: Sequence[Licensed], patterns: Sequence[str]) -> list[Finding]:
    """A finding for each licence of a package that the policy denies."""
    return [
        Finding(
            kind="license",
            id=name,
            severity=SEVERITY,
            title=f"{one.package} is under the licence {name}",
            where=one.target,
            package=one.package,
            installed=one.version,
            layer=one.layer,
            advice="Use another package, or waive it with the reason why this licence may be used here",
        )
        for one in packages
        for name in one.licenses
        if matches(name, patterns)
    ]


def counted(packages: Sequence[Licensed]) -> dict[str, int]:
    """How many packages each licence has, the most frequent first."""
    counts: dict[str, int] = {}
    for one in packages:
        for name in one.licenses:
            counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _of(target: str, sbom: Sbom) -> Iterator[Licensed]:
    for component in sbom.document["components"]:
        kinds = properties(component, "PkgType")
        if component["type"] == "library" and kinds:
            yield Licensed(
                package=str(component["name"]),
                version=str(component.get("version", "")),
                kind=kinds[0],
                licenses=tuple(dict.fromkeys(_names(component))) or (UNKNOWN,),
                target=target,
                layer=next(iter(properties(component, "LayerDiffID")), ""),
            )


def _names(component: Mapping[str, Any]) -> Iterator[str]:
    for entry in component.get("licenses") or ():
        if "expression" in entry:
            yield str(entry["expression"])
        else:
            one = entry.get("license") or {}
            name = str(one.get("id") or one.get("name") or "").strip()
            if name:
                yield name
