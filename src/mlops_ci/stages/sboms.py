"""The SBOM of an image is kept beside it: in its registry, else in the cache of this machine, by the content key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.errors import InfrastructureError
from mlops_ci.files import write_json
from mlops_ci.images.lookup import configured_ca_bundle
from mlops_ci.records.build import BuiltImage
from mlops_ci.registry.referrers import Referrers
from mlops_ci.stages.session import Session

KIND = "application/vnd.cyclonedx+json"
# The layers below an image are no part of an SBOM: they are kept beside it, for what is new since the base.
LAYERS_KIND = "application/vnd.mlops-ci.layers+json"
# Packages over the image change without it: their SBOM is another file, which names their lock.
EXTRA_KIND = "application/vnd.mlops-ci.extra.cyclonedx+json"
EXTRA_LOCK = "io.mlops-ci.extra"
STATE = "kept.json"


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What a run has put beside an image: `own` are the digests of its SBOMs' manifests. `lost`: what went wrong."""

    own: tuple[str, ...] = ()
    lost: str = ""


@dataclass(frozen=True, kw_only=True)
class _File:
    """One file to keep."""

    kind: str
    data: bytes
    notes: Mapping[str, str]

    def among(self, listed: Sequence[Mapping[str, Any]]) -> bool:
        """Whether one like it is beside the image already."""
        return any(
            one.get("artifactType") == self.kind
            and all((one.get("annotations") or {}).get(name) == value for name, value in self.notes.items())
            for one in listed
        )


def keep(
    session: Session,
    images: Mapping[str, BuiltImage],
    top: str,
    sboms: Sequence[Path],
    layers: Mapping[str, str],
    extra: Sequence[Path] = (),
) -> Beside:
    """Keep the SBOM of the image in its registry; what goes wrong with that is no failure.

    An image that was there before is looked at once: whoever built it may have been killed before it came so far.
    """
    image = images[top]
    if session.image_engine != "docker" or not session.settings.tables.image.registry:
        return Beside()
    known = _state(session, image)
    if not image.built and known == _whole(session, image, settled=True):
        return Beside()
    registry = Referrers(ca_bundle=configured_ca_bundle(session.settings))
    files = [
        _File(kind=KIND, data=sboms[-1].read_bytes(), notes={}),
        _File(kind=LAYERS_KIND, data=json.dumps(layers, sort_keys=True).encode(), notes={}),
        *(_File(kind=EXTRA_KIND, data=path.read_bytes(), notes=lock_of(session)) for path in extra),
    ]
    own: list[str] = []
    try:
        if not image.built and known != _whole(session, image, settled=False):
            there = registry.listed(image.ref)
            files = [one for one in files if not one.among(there)]
        if files:
            # From here on they are ours, and are signed, also by a later try.
            write_json(_state_file(session, image), _whole(session, image, settled=False))
        for one in files:
            digest = registry.attach(image.ref, one.data, kind=one.kind, annotations=one.notes)
            own += [digest] if one.kind != LAYERS_KIND else []
    except InfrastructureError as error:
        said = f"the SBOM of {image.ref} is not kept in its registry, so that no rescan finds it: {error.cause}"
        return Beside(own=tuple(own), lost=said)
    if own:
        session.console.say(f"SBOM of {top}: kept beside {image.ref}")
    return Beside(own=tuple(own))


def settled(session: Session, image: BuiltImage, beside: Beside) -> None:
    """Note that nothing is left to do for the SBOM of an image: the next run asks the registry nothing about it."""
    asked = session.image_engine == "docker" and session.settings.tables.image.registry
    whole = _whole(session, image, settled=True)
    if asked and not beside.lost and _state(session, image) != whole:
        write_json(_state_file(session, image), whole)


def folder(session: Session, image: BuiltImage) -> Path:
    """The folder of what was read of an image."""
    return folder_of(session, image.content_key, image.digest)


def folder_of(session: Session, key: str, digest: str) -> Path:
    """The same, by what the image is made from and what it became."""
    return session.workspace.cache / "sbom" / key / digest.removeprefix("sha256:")[:16]


def lock_of(session: Session) -> dict[str, str]:
    """The annotation that names the lock of the packages over the image; nothing where there are none."""
    plan = session.resolution.extra
    return {} if plan is None else {EXTRA_LOCK: plan.digest}


def matching(listed: Sequence[Mapping[str, Any]], kind: str, notes: Mapping[str, str]) -> Iterator[str]:
    """The digests of the files of this type and with these annotations, in the order of the list."""
    wanted = _File(kind=kind, data=b"", notes=notes)
    yield from (str(one["digest"]) for one in listed if wanted.among([one]))


def _state_file(session: Session, image: BuiltImage) -> Path:
    return folder(session, image) / STATE


def _state(session: Session, image: BuiltImage) -> Any:
    try:
        return json.loads(_state_file(session, image).read_bytes())
    except (OSError, ValueError):
        return None


def _whole(session: Session, image: BuiltImage, *, settled: bool) -> dict[str, Any]:
    return {"ref": image.ref, "settled": settled, **lock_of(session)}
