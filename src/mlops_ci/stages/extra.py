"""The extra packages over the image: put together on every machine that needs them, and a part of what is scanned."""

from __future__ import annotations

import shutil
from pathlib import Path

from mlops_ci.errors import UsageError
from mlops_ci.files import size_of
from mlops_ci.images import catalogue, sources
from mlops_ci.images.extra import NAME
from mlops_ci.images.extra_install import TREE, folder, install
from mlops_ci.records.build import BuildOutputs, ExtraPackages
from mlops_ci.scanning.contents import read_contents
from mlops_ci.scanning.findings import ScanTarget
from mlops_ci.scanning.kept import SUFFIX, write_contents
from mlops_ci.scanning.sbom import file_name, read_sbom, write_sboms
from mlops_ci.stages.session import Session


class ExtraChangedError(UsageError):
    """The extra packages of now are not those that this run has scanned."""


def recorded(session: Session) -> ExtraPackages | None:
    """What the record says of them; None where none are asked for."""
    plan = session.resolution.extra
    if plan is None:
        return None
    return ExtraPackages(
        lock=plan.lock.name,
        sha256=plan.digest,
        packages=plan.packages,
        replaced=plan.replaced,
        bytes=size_of(at_hand(session)),
    )


def at_hand(session: Session) -> Path:
    """The folder of the packages on this machine, put together now where it is not there."""
    plan = session.resolution.extra
    if plan is None:
        raise ExtraChangedError("no [image] extra is configured", hint="run the same command again")
    tables = session.settings.tables
    build = catalogue.load().variant(tables.image.torch, session.variant)
    packages = sources.package_sources(tables.mirrors, build, root=session.settings.root)
    return install(plan, session.workspace.cache, packages=packages, console=session.console)


def for_job(session: Session, place: Path) -> Path | None:
    """A copy for one job, in `place`: it may write there, and the next job sees nothing of it. None: there are none.

    Raises `ExtraChangedError` unless they are those that the run was built with.
    """
    _same_as_built(session)
    shutil.rmtree(place, ignore_errors=True)
    if session.resolution.extra is None:
        return None
    return Path(shutil.copytree(at_hand(session), place, symlinks=True))


def targets(session: Session) -> tuple[ScanTarget, ...]:
    """What must be scanned of them."""
    plan = session.resolution.extra
    if plan is None:
        return ()
    place = folder(session.workspace.cache, plan) / TREE
    return (ScanTarget(kind="environment", ref=str(place), name=NAME),)


def described(session: Session) -> tuple[tuple[Path, Path], ...]:
    """Their SBOM and what else is in them, as files of the run: for a scan on a machine that does not have them."""
    found = []
    scan = session.settings.tables.scan
    for target in targets(session):
        at_hand(session)
        (sbom,) = write_sboms([target], session.run.path("sbom"), trivy=session.trivy, secrets=scan.secrets)
        report = read_contents(target, read_sbom(sbom), trivy=session.trivy, secrets=scan.secrets, timeout=scan.timeout)
        contents = sbom.with_name(file_name(target).split(".")[0] + SUFFIX)
        write_contents(contents, report, target, trivy=session.trivy, secrets=scan.secrets)
        found.append((sbom, contents))
    return tuple(found)


def _same_as_built(session: Session) -> None:
    record = session.run.record("build")
    if record is None or not record.outputs:
        return
    built = session.run.outputs("build", BuildOutputs).extra
    plan = session.resolution.extra
    if (built.sha256 if built else None) != (plan.digest if plan else None):
        raise ExtraChangedError(
            "the extra packages are not those that this run was built and scanned with",
            hint="run `mlops-ci build scan`, and then this again",
        )
