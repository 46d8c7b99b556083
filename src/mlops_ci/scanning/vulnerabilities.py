"""Vulnerabilities of the packages in the SBOMs, by a database that has shown that it knows their ecosystems."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlops_ci.scanning.canary import Judged, prove
from mlops_ci.scanning.findings import Finding, ScanTarget
from mlops_ci.scanning.report import parse
from mlops_ci.scanning.sbom import Sbom
from mlops_ci.scanning.trivy import ScannerBrokenError, Trivy


@dataclass(frozen=True, kw_only=True)
class Vulnerabilities:
    """`ended` are operating systems that get no fixes any more: no findings there would mean little."""

    findings: tuple[Finding, ...]
    judged: Judged
    ended: tuple[str, ...]


def match(
    targets: Sequence[ScanTarget],
    paths: Sequence[Path],
    sboms: Sequence[Sbom],
    *,
    trivy: Trivy,
    timeout: float,
    base_layers: Collection[str] = (),
) -> Vulnerabilities:
    """All vulnerabilities of the targets. `base_layers` are the base image's DiffIDs: what they brought is not new."""
    judged = prove(sboms, trivy=trivy, timeout=timeout)
    findings: list[Finding] = []
    ended: set[str] = set()
    for target, path, sbom in zip(targets, paths, sboms, strict=True):
        if not sbom.packages:
            continue
        what = f"matching {target.name} with the vulnerability database"
        words = ["sbom", "--scanners", "vuln", "--format", "json", str(path.absolute())]
        report = parse(trivy.json(words, what=what, timeout=timeout), name=target.name, what=what)
        _all_there(report.packages, sbom.packages, what)
        findings += [_attributed(one, target, base_layers) for one in report.findings]
        if report.end_of_life:
            ended.add(report.system)
    return Vulnerabilities(findings=tuple(findings), judged=judged, ended=tuple(sorted(ended)))


def _attributed(finding: Finding, target: ScanTarget, base_layers: Collection[str]) -> Finding:
    """New since the base is what an image's layer above the base brought."""
    known = target.kind == "image" and bool(base_layers) and bool(finding.layer)
    return replace(finding, new_since_base=known and finding.layer not in base_layers)


def _all_there(matched: Mapping[str, int], listed: Mapping[str, int], what: str) -> None:
    """Raise when the matcher has seen fewer packages than the SBOM lists."""
    lost = [kind for kind, count in listed.items() if matched.get(kind, 0) < count]
    if lost:
        raise ScannerBrokenError(
            f"{what}: Trivy has read fewer packages than the SBOM lists ({', '.join(lost)})",
            hint="run `mlops-ci build --force` to write the SBOM again",
        )
