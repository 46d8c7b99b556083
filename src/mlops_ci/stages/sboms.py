"""The SBOM of an image is kept beside it: in its registry, else in the cache of this machine, by the content key."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mlops_ci.errors import InfrastructureError, UncheckedError
from mlops_ci.files import write_atomic
from mlops_ci.images.lookup import configured_ca_bundle
from mlops_ci.records.build import BuildOutputs, BuiltImage
from mlops_ci.registry.reference import parse, repository
from mlops_ci.registry.referrers import NotThereError, Referrers
from mlops_ci.run.run import open_run, run_ids
from mlops_ci.scanning.findings import ScanTarget
from mlops_ci.scanning.sbom import SUFFIX
from mlops_ci.stages import signed
from mlops_ci.stages.session import Session

KIND = "application/vnd.cyclonedx+json"
# The layers below an image are no part of an SBOM: they are kept beside it, for what is new since the base.
LAYERS_KIND = "application/vnd.mlops-ci.layers+json"
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


def keep(
    session: Session, images: Mapping[str, BuiltImage], top: str, sboms: Sequence[Path], layers: Mapping[str, str]
) -> str:
    """Keep the SBOM of an image that was built now in its registry; what went wrong with that, which is no failure."""
    image = images[top]
    if session.engine.name != "docker" or not image.built or not session.settings.tables.image.registry:
        return ""
    registry = _referrers(session)
    try:
        registry.attach(image.ref, sboms[-1].read_bytes(), kind=KIND)
        registry.attach(image.ref, json.dumps(layers, sort_keys=True).encode(), kind=LAYERS_KIND)
    except InfrastructureError as error:
        return f"the SBOM of {image.ref} is not kept in its registry, so that no rescan finds it: {error.cause}"
    session.console.say(f"SBOM of {top}: kept beside {image.ref}")
    return ""


def find_kept(session: Session) -> tuple[Kept, ...]:
    """The SBOMs of the images that the configuration asks for now; raises `NoSbomError`.

    One from a registry must be signed where images must be.
    """
    plan = session.resolution.top
    if session.engine.name == "docker" and parse(plan.ref).host is not None:
        registry = _referrers(session)
        found = _beside(registry, plan.ref)
        if found:
            digest = str(found[-1]["digest"])
            signed.ask_of_sbom(f"{repository(plan.ref)}@{digest}", session.settings, session.environ)
            layers = registry.fetch(plan.ref, kind=LAYERS_KIND)
            path = session.run.path("sbom") / f"{plan.name}{SUFFIX}"
            write_atomic(path, registry.read(plan.ref, digest))
            target = ScanTarget(kind="image", ref=plan.ref, name=plan.name)
            return (Kept(target=target, path=path, layers=json.loads(layers or b"{}")),)
    return _of_a_run(session)


def _of_a_run(session: Session) -> tuple[Kept, ...]:
    """Those of the newest run on this machine that built the very same images."""
    keys = {plan.name: plan.content_key for plan in session.resolution.images}
    for name in reversed(run_ids(session.workspace.runs)):
        run = open_run(session.workspace.runs, name)
        record = run.record("build")
        if record is None or not record.done or record.status != "passed":
            continue
        built = run.outputs("build", BuildOutputs)
        if {name: image.content_key for name, image in built.images.items()} != keys:
            continue
        return tuple(
            Kept(
                target=ScanTarget(
                    kind=KINDS[run.info.engine],
                    ref=built.images[title].ref,
                    name=title,
                ),
                path=run.open(ref),
                layers=built.layers,
            )
            for ref in built.sbom
            for title in [Path(ref.path).name.removesuffix(SUFFIX)]
        )
    raise NoSbomError(
        f"there is no SBOM of {session.resolution.top.ref}, neither beside it in a registry nor in a run here",
        hint="`mlops-ci build` writes it; with [image] registry it is kept beside the image, for every machine",
    )


def _beside(registry: Referrers, ref: str) -> list[dict[str, Any]]:
    """What is kept beside the image; of one that nobody has pushed nothing is."""
    try:
        return registry.beside(ref, kind=KIND)
    except NotThereError:
        return []


def _referrers(session: Session) -> Referrers:
    return Referrers(ca_bundle=configured_ca_bundle(session.settings))
