"""Vulnerabilities of the packages in the SBOMs, by a database that has shown that it knows their ecosystems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mlops_ci.errors import UncheckedError
from mlops_ci.scanning.canary import Judged, prove
from mlops_ci.scanning.findings import BASE_LAYER, Finding, ScanTarget
from mlops_ci.scanning.report import Report, parse
from mlops_ci.scanning.sbom import Sbom
from mlops_ci.scanning.scratch import scratch
from mlops_ci.scanning.trivy import ScannerBrokenError, Trivy
from mlops_ci.settings.waivers import VexFile


class UnknownSystemError(UncheckedError):
    """No operating system was recognised in an image: its packages cannot be looked up."""


NOTHING: Mapping[str, str] = {}


class EndOfLifeError(UncheckedError):
    """The distribution gets no security fixes any more: nobody writes advisories that could be found."""


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
    layers: Mapping[str, str] = NOTHING,
    vex: Sequence[VexFile] = (),
    end_of_life: bool = False,
) -> Vulnerabilities:
    """All vulnerabilities of the targets.

    `layers` are the DiffIDs of the images that this one stands on, with the name of the layer that brought each: what
    the base image brought is not new. `vex` documents set findings aside. Raises `BlindDatabaseError`,
    `ScannerBrokenError` and, unless `end_of_life` is allowed, `EndOfLifeError`.
    """
    for target, sbom in zip(targets, sboms, strict=True):
        if target.kind != "environment" and not sbom.system:
            raise UnknownSystemError(
                f"{target.kind} {target.name}: no operating system was recognised, so its packages cannot be judged",
                hint="keep /etc/os-release in the image, and build on a distribution with security advisories",
            )
    findings: list[Finding] = []
    ended: set[str] = set()
    with _written(vex, trivy) as options, ThreadPoolExecutor(1) as beside:
        # What is found counts only when the database has proved itself, but it need not be looked for later.
        proof = beside.submit(prove, sboms, trivy=trivy, timeout=timeout)
        reports = _reports(targets, paths, sboms, options, trivy=trivy, timeout=timeout, proof=proof)
        judged = proof.result()
    for target, report in reports:
        findings += [attributed(one, target, layers) for one in report.findings]
        if report.end_of_life:
            ended.add(report.system)
    if ended and not end_of_life:
        raise EndOfLifeError(
            f"{', '.join(sorted(ended))} gets no security fixes any more: no findings would mean nothing",
            hint="move to a release that is maintained, or answer for it: [scan] end-of-life = true",
        )
    return Vulnerabilities(findings=tuple(findings), judged=judged, ended=tuple(sorted(ended)))


def _reports(
    targets: Sequence[ScanTarget],
    paths: Sequence[Path],
    sboms: Sequence[Sbom],
    options: Sequence[str],
    *,
    trivy: Trivy,
    timeout: float,
    proof: Future[Judged],
) -> list[tuple[ScanTarget, Report]]:
    """What Trivy finds in each SBOM. Where that fails, and the database has not proved itself, the latter is said."""
    found = []
    try:
        for target, path, sbom in zip(targets, paths, sboms, strict=True):
            if not sbom.packages:
                continue
            what = f"matching {target.name} with the vulnerability database"
            words = ["sbom", "--scanners", "vuln", "--format", "json", *options, str(path.absolute())]
            report = parse(trivy.json(words, what=what, timeout=timeout), name=target.name, what=what)
            _all_there(report.packages, sbom.packages, what)
            found.append((target, report))
    except UncheckedError:
        proof.result()
        raise
    return found


def attributed(finding: Finding, target: ScanTarget, layers: Mapping[str, str]) -> Finding:
    """The finding with the layer that brought it. New since the base is what an image's own layers brought."""
    if target.kind != "image":
        return replace(finding, brought_by=target.name)
    known = BASE_LAYER in layers.values() and bool(finding.layer)
    by = layers.get(finding.layer, target.name if finding.layer else "")
    inherited = known and by == BASE_LAYER
    return replace(finding, brought_by=by, inherited=inherited, new_since_base=known and not inherited)


@contextmanager
def _written(vex: Sequence[VexFile], trivy: Trivy) -> Iterator[list[str]]:
    """The options that name the VEX documents, which lie in a folder of ours for the length of the match."""
    with scratch(trivy.cache, "vex") as folder:
        options = ["--show-suppressed"] if vex else []
        for index, one in enumerate(vex):
            path = folder / f"{index}-{Path(one.name).name}"
            path.write_text(one.text)
            options += ["--vex", str(path.absolute())]
        yield options


def _all_there(matched: Mapping[str, int], listed: Mapping[str, int], what: str) -> None:
    """Raise when the matcher has seen fewer packages than the SBOM lists."""
    lost = [kind for kind, count in listed.items() if matched.get(kind, 0) < count]
    if lost:
        raise ScannerBrokenError(
            f"{what}: Trivy has read fewer packages than the SBOM lists ({', '.join(lost)})",
            hint="run `mlops-ci build --force` to write the SBOM again",
        )
