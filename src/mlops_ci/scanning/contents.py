"""Secrets and image configuration of the targets, remembered by image id, or by the listing of an environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlops_ci.engines.docker_socket import DockerSocket, DockerUnreachableError
from mlops_ci.errors import UncheckedError
from mlops_ci.scanning.analysis import analyse, arguments
from mlops_ci.scanning.findings import ScanTarget
from mlops_ci.scanning.kept import kept_contents
from mlops_ci.scanning.memory import is_remembered, listing_digest, remembered
from mlops_ci.scanning.report import Report, parse
from mlops_ci.scanning.sbom import Sbom
from mlops_ci.scanning.trivy import ScannerBrokenError, Trivy

PYTHON = "python-pkg"
_AGAIN = "it was changed after the build: `mlops-ci build --force` writes the SBOM again"


class StaleSbomError(UncheckedError):
    """The SBOM describes another tree than the one that is there now."""


def read_contents(
    target: ScanTarget,
    sbom: Sbom,
    *,
    trivy: Trivy,
    secrets: bool,
    timeout: float,
    kept: Path | None = None,
    digest: str | None = None,
) -> Report:
    """The report on one target, or what build has written down of it in the file `kept`.

    `digest` is that of an image which the caller has just asked for: the engine is not asked again.
    Raises `ScannerBrokenError`; `StaleSbomError` when the SBOM is of another tree.
    """
    known = kept_contents(kept, target, trivy=trivy, secrets=secrets) if kept is not None else None
    if known is not None:
        return _checked(known, target, sbom)
    what = f"searching {target.kind} {target.name}"

    def find() -> Report:
        return parse(analyse(target, trivy=trivy, secrets=secrets, timeout=timeout), name=target.name, what=what)

    identity = digest or _identity(target)
    if identity is None:
        return _checked(find(), target, sbom)
    return _checked(remembered(trivy.cache, _key(target, trivy, identity, secrets=secrets), find), target, sbom)


def contents_known(target: ScanTarget, digest: str, *, trivy: Trivy, secrets: bool) -> bool:
    """Whether what is inside the image of this digest was read before: nothing need look into it again."""
    return is_remembered(trivy.cache, _key(target, trivy, digest, secrets=secrets))


def _key(target: ScanTarget, trivy: Trivy, identity: str, *, secrets: bool) -> list[Any]:
    return ["contents", trivy.sha256, target.name, arguments(target, secrets=secrets), identity]


def _identity(target: ScanTarget) -> str | None:
    """What tells whether a target is the one that was read before. A root that programs run in is always read."""
    if target.kind == "root":
        return None
    return _image_id(target.ref) if target.kind == "image" else listing_digest(Path(target.folder))


def _image_id(ref: str) -> str | None:
    """The id of the image that the engine on this machine has under that reference; None when it can't be told."""
    try:
        image = DockerSocket().image(ref)
    except DockerUnreachableError:
        return None
    return str(image["Id"]) if image and image.get("Id") else None


def _checked(report: Report, target: ScanTarget, sbom: Sbom) -> Report:
    """The report, if it is of the very tree that the SBOM describes."""
    there, listed = report.packages.get(PYTHON, 0), sbom.packages.get(PYTHON, 0)
    if there != listed:
        raise StaleSbomError(f"{target.name} has {there} Python packages, its SBOM {listed}", hint=_AGAIN)
    if target.kind == "image" and frozenset(report.layers) != sbom.layers:
        raise StaleSbomError(f"the layers of {target.ref} are not those of its SBOM", hint=_AGAIN)
    if target.kind == "image" and not sum(report.configurations.values()):
        raise ScannerBrokenError(
            f"no check of the image configuration of {target.name} was carried out",
            hint="is this the Trivy that is pinned?",
        )
    return report
