"""The parts of a scan and what became of each: PASS, FAIL, or SKIP with the reason why it could not be judged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlops_ci.records.scan import DatabaseInfo, ScanPart
from mlops_ci.scanning.findings import Finding, ScanTarget
from mlops_ci.scanning.vulnerabilities import Vulnerabilities
from mlops_ci.scanning.waivers import Judged

VULNERABILITIES = "vulnerabilities"
SECRETS = "secrets"
IMAGE = "image configuration"
DOCKERFILES = "Dockerfiles"
SYSTEM = "operating system"
LICENSES = "licences"
WAIVERS = "waivers"
STANDINGS = ("used", "unused", "not judged", "not allowed")
JAVA = "Java archives are not judged"


def vulnerability_part(
    found: Vulnerabilities | None, database: DatabaseInfo | None, failing: Iterable[Finding], missing: str
) -> ScanPart:
    """`missing` is why there is no database, when there is none."""
    if found is None or database is None:
        return ScanPart(name=VULNERABILITIES, status="SKIP", why=f"NOT SCANNED FOR VULNERABILITIES: {missing}")
    judged = ", ".join(f"{count} {kind}" for kind, count in sorted(found.judged.known.items()))
    why = f"{judged} packages judged by a database of {database.built_at}; {JAVA}"
    ended = f"; {', '.join(found.ended)} gets no security fixes any more" if found.ended else ""
    return _judged(VULNERABILITIES, failing, "vulnerability", why + ended)


def unjudged_parts(found: Vulnerabilities | None) -> list[ScanPart]:
    """One part for each ecosystem for which the scanner's database has no advisories."""
    unknown = found.judged.unknown if found else {}
    return [
        ScanPart(name=f"{VULNERABILITIES}: {kind}", status="SKIP", why=f"{count} packages; there are no advisories")
        for kind, count in sorted(unknown.items())
    ]


def secret_part(on: bool, failing: Iterable[Finding]) -> ScanPart:
    """Secrets in the targets and in the repository."""
    if not on:
        return ScanPart(name=SECRETS, status="SKIP", why="switched off by [scan] secrets = false")
    return _judged(SECRETS, failing, "secret", "repository and all targets searched")


def image_part(targets: Sequence[ScanTarget], failing: Iterable[Finding]) -> ScanPart:
    """Users, exposed ports, instructions: what an image says of itself."""
    names = {target.name for target in targets if target.kind == "image"}
    if not names:
        rooted = any(target.kind == "root" for target in targets)
        why = "it cannot be read from inside of the image" if rooted else "no image runs here"
        return ScanPart(name=IMAGE, status="SKIP", why=why)
    own = [one for one in failing if one.where in names]
    return _judged(IMAGE, own, "misconfiguration", f"{len(names)} image(s) judged")


def dockerfile_part(count: int, targets: Sequence[ScanTarget], failing: Iterable[Finding]) -> ScanPart:
    """The Dockerfiles of the repository."""
    if not count:
        return ScanPart(name=DOCKERFILES, status="SKIP", why="there is no Dockerfile in the repository")
    names = {target.name for target in targets}
    own = [one for one in failing if one.where not in names]
    return _judged(DOCKERFILES, own, "misconfiguration", f"{count} Dockerfile(s) judged")


def system_parts(targets: Sequence[ScanTarget]) -> list[ScanPart]:
    """Where no image runs, the packages of the machine itself are not ours to judge."""
    if any(target.kind != "environment" for target in targets):
        return []
    why = "no image runs here, and the machine's own packages are not judged"
    return [ScanPart(name=SYSTEM, status="SKIP", why=why)]


def license_parts(patterns: Sequence[str], failing: Iterable[Finding]) -> list[ScanPart]:
    """The licences of all packages, where any is denied."""
    return [_judged(LICENSES, failing, "license", f"denied are {', '.join(patterns)}")] if patterns else []


def waiver_parts(waivers: Sequence[Judged]) -> list[ScanPart]:
    """The waivers, where there are any: one that has ended or lasts too long fails by itself."""
    if not waivers:
        return []
    bad = [one for one in waivers if one.fails]
    counts = {name: sum(1 for one in waivers if one.standing == name) for name in STANDINGS}
    why = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    if bad:
        said = "; ".join(one.line for one in bad)
        return [ScanPart(name=WAIVERS, status="FAIL", why=f"{said}{f'; {why}' if why else ''}")]
    return [_passed(WAIVERS, why)]


def from_sbom_alone() -> tuple[ScanPart, ...]:
    """What no SBOM can tell."""
    why = "a rescan reads the SBOM alone: they were judged when the image was built"
    return tuple(ScanPart(name=name, status="SKIP", why=why) for name in (SECRETS, IMAGE, DOCKERFILES))


def _judged(name: str, failing: Iterable[Finding], kind: str, why: str) -> ScanPart:
    count = sum(1 for one in failing if one.kind == kind)
    return ScanPart(name=name, status="FAIL", why=f"{count} not allowed; {why}") if count else _passed(name, why)


def _passed(name: str, why: str) -> ScanPart:
    return ScanPart(name=name, status="PASS", why=why)
