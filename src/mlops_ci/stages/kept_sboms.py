"""SBOMs that were kept, found again: beside the image in its registry, else in a run on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mlops_ci.errors import UncheckedError
from mlops_ci.files import write_atomic
from mlops_ci.images.extra import NAME as EXTRA
from mlops_ci.images.lookup import configured_ca_bundle
from mlops_ci.records.build import BuildOutputs
from mlops_ci.registry.reference import parse, repository
from mlops_ci.registry.referrers import NotThereError, Referrers
from mlops_ci.run.run import Run, open_run, run_ids
from mlops_ci.scanning.findings import ScanTarget
from mlops_ci.scanning.sbom import SUFFIX
from mlops_ci.stages import signed
from mlops_ci.stages.sboms import EXTRA_KIND, KIND, LAYERS_KIND, lock_of, matching
from mlops_ci.stages.session import Session

# What runs there, by engine.
KINDS: Mapping[str, Literal["image", "environment", "root"]] = {
    "docker": "image",
    "host": "environment",
    "inside": "root",
}


class NoSbomError(UncheckedError):
    """Nobody has kept an SBOM of the image: there is nothing that could be scanned again."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """An SBOM that was found again: what it is of, where it lies now, and the layers below the image."""

    target: ScanTarget
    path: Path
    layers: Mapping[str, str]


def find_kept(session: Session) -> tuple[Kept, ...]:
    """The SBOMs of the images that the configuration asks for now, and of what is put over them, the image's last.

    Raises `NoSbomError`. One from a registry must be signed where images must be.
    """
    plan = session.resolution.top
    if session.image_engine == "docker" and parse(plan.ref).host is not None:
        registry = Referrers(ca_bundle=configured_ca_bundle(session.settings))
        listed = _beside(registry, plan.ref)
        image = list(matching(listed, KIND, {}))
        if image:
            more = list(matching(listed, EXTRA_KIND, lock_of(session)))
            layers = list(matching(listed, LAYERS_KIND, {}))
            below = json.loads(registry.read(plan.ref, layers[-1])) if layers else {}
            target = ScanTarget(kind="image", ref=plan.ref, name=plan.name)
            found = Kept(target=target, path=_fetched(session, registry, plan.name, image[-1]), layers=below)
            return (*_extra(session, registry, more), found)
    return _of_a_run(session)


def _beside(registry: Referrers, ref: str) -> list[dict[str, Any]]:
    """What is kept beside the image; of one that nobody has pushed nothing is."""
    try:
        return registry.listed(ref)
    except NotThereError:
        return []


def _extra(session: Session, registry: Referrers, beside: list[str]) -> tuple[Kept, ...]:
    """That of the packages over the image: a scan without them would be of less than what runs."""
    if session.resolution.extra is None:
        return ()
    target = ScanTarget(kind="environment", ref=EXTRA, name=EXTRA)
    if beside:
        return (Kept(target=target, path=_fetched(session, registry, EXTRA, beside[-1]), layers={}),)
    for run, built in _runs(session):
        if built.extra is not None and built.extra.sha256 == session.resolution.extra.digest:
            found = [run.open(ref) for ref in built.sbom if Path(ref.path).name == f"{EXTRA}{SUFFIX}"]
            if found:
                return (Kept(target=target, path=found[-1], layers={}),)
    raise NoSbomError(
        f"there is no SBOM of the packages of {session.resolution.extra.lock.name}, neither beside "
        f"{session.resolution.top.ref} nor in a run here",
        hint="`mlops-ci build` writes it",
    )


def _fetched(session: Session, registry: Referrers, name: str, digest: str) -> Path:
    """An SBOM from the registry, as a file of this run."""
    ref = session.resolution.top.ref
    signed.ask_of_sbom(f"{repository(ref)}@{digest}", session.settings, session.environ)
    path = session.run.path("sbom") / f"{name}{SUFFIX}"
    write_atomic(path, registry.read(ref, digest))
    return path


def _of_a_run(session: Session) -> tuple[Kept, ...]:
    """Those of the newest run on this machine that built the very same images."""
    keys = {plan.name: plan.content_key for plan in session.resolution.images}
    lock = session.resolution.extra.digest if session.resolution.extra is not None else None
    for run, built in _runs(session):
        same = {name: image.content_key for name, image in built.images.items()} == keys
        if not same or (built.extra.sha256 if built.extra is not None else None) != lock or not built.sbom:
            continue
        found = [_of(run, built, Path(ref.path).name.removesuffix(SUFFIX), run.open(ref)) for ref in built.sbom]
        return tuple(sorted(found, key=lambda one: one.target.name != EXTRA))
    raise NoSbomError(
        f"there is no SBOM of {session.resolution.top.ref}, neither beside it in a registry nor in a run here",
        hint="`mlops-ci build` writes it; with [image] registry it is kept beside the image, for every machine",
    )


def _of(run: Run, built: BuildOutputs, name: str, path: Path) -> Kept:
    if name == EXTRA:
        target = ScanTarget(kind="environment", ref=EXTRA, name=EXTRA)
    else:
        # With `inside` an image is what runs, unless it is the container around that run, which has no name.
        kind = KINDS[run.info.engine] if name == "inside" or run.info.engine != "inside" else "image"
        target = ScanTarget(kind=kind, ref=built.images[name].ref, name=name)
    return Kept(target=target, path=path, layers=built.layers)


def _runs(session: Session) -> Iterator[tuple[Run, BuildOutputs]]:
    """The runs on this machine that have built something, the newest first."""
    for name in reversed(run_ids(session.workspace.runs)):
        run = open_run(session.workspace.runs, name)
        record = run.record("build")
        if record is not None and record.done and record.status == "passed":
            yield run, run.outputs("build", BuildOutputs)
