"""The stage build: the images that do not exist yet, and their SBOM."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlops_ci.files import write_json
from mlops_ci.images import images_lock
from mlops_ci.images.build import build_images
from mlops_ci.records.build import BuildOutputs, BuiltImage
from mlops_ci.scanning.contents import contents_known, read_contents
from mlops_ci.scanning.findings import BASE_LAYER, ScanTarget
from mlops_ci.scanning.kept import SUFFIX, write_contents
from mlops_ci.scanning.sbom import file_name, read_sbom, write_sboms
from mlops_ci.stages import extra
from mlops_ci.stages.result import Result
from mlops_ci.stages.sboms import folder, folder_of, keep, settled
from mlops_ci.stages.session import Session
from mlops_ci.stages.signing import intend, sign
from mlops_ci.stages.trees import lasting, targets

LAYERS, BYTES = "layers.json", "bytes.json"


def inputs(session: Session) -> Mapping[str, Any]:
    """Content keys name everything that an image is made from."""
    known = {"keys": [plan.content_key for plan in session.resolution.images], "engine": session.engine.name}
    signing = session.settings.tables.signing
    asked = {"signing": [signing.key, signing.keyless]} if signing.key or signing.keyless else {}
    return {**known, **asked, **over(session)}


def over(session: Session) -> Mapping[str, Any]:
    """The packages over the image, as a part of a stage's inputs; nothing where there are none."""
    return {"extra": session.resolution.extra.key} if session.resolution.extra is not None else {}


def run(session: Session) -> Result:
    """Build from the lowest missing layer up; write the SBOM of what will run."""
    intend(session)
    built, top, warnings = build_images(
        session.resolution.images,
        session.settings,
        engine=session.engine.name,
        variant=session.variant,
        cache=session.workspace.cache,
        console=session.console,
        here=not _all_known(session),
    )
    _lock(session, built)
    sboms = _sboms(session, built, top)
    built = {**built, top: _weighed(session, built[top], sboms[-1])}
    for name, image in built.items():
        how = "built" if image.built else "reused"
        size = f"{image.bytes / 1e6:.0f} MB, " if image.bytes else ""
        session.console.say(f"image {name}: {how} {image.ref} ({size}{image.seconds:.1f} s)")
    contents = _contents(session, built, targets(session, built, top), sboms)
    layers = _layers(session, built, top)
    more = extra.described(session)
    beside = keep(session, built, top, sboms, layers, [sbom for sbom, _ in more])
    signing = sign(session, built, top, sboms, beside.own)
    settled(session, built[top], beside)
    unsigned = f"nothing is signed: {signing.why}" if signing is not None and not signing.by else ""
    return Result(
        outputs=BuildOutputs(
            images=built,
            top=top,
            sbom=tuple(session.run.file(path) for path in (*sboms, *(sbom for sbom, _ in more))),
            contents=tuple(session.run.file(path) for path in (*contents, *(inside for _, inside in more))),
            layers=layers,
            signing=signing,
            extra=extra.recorded(session),
        ),
        warnings=(*warnings, *(one for one in (beside.lost, unsigned) if one)),
    )


def _lock(session: Session, built: Mapping[str, BuiltImage]) -> None:
    """Bring images.lock up to date, in a repository that has one."""
    root = session.settings.root
    locked = images_lock.read(root)
    if locked is None or session.image_engine == "inside":
        return
    plans = {plan.name: plan for plan in session.resolution.images}
    made = {
        images_lock.key(session.image_engine, session.build, name): images_lock.entry(
            plans[name], ref=image.ref, digest=image.digest
        )
        for name, image in built.items()
    }
    if {**locked, **made} != locked:
        images_lock.write(root, {**locked, **made})
        # A CI job's checkout is gone with the job: what this stage hands on takes the file along to the report.
        handed_on = session.run.path("sbom", images_lock.NAME)
        handed_on.parent.mkdir(exist_ok=True)
        shutil.copyfile(root / images_lock.NAME, handed_on)
        todo = "" if session.provider.local else "; commit the one in the report's artifact"
        session.console.say(f"{images_lock.NAME}: wrote what was built{todo}")


def _sboms(session: Session, images: Mapping[str, BuiltImage], top: str) -> list[Path]:
    """One SBOM per image that was built, kept in the cache: an unchanged image is not read again."""
    place = session.run.path("sbom")
    place.mkdir(exist_ok=True)
    made = []
    for target in targets(session, images, top):
        image = images[target.name]
        kept = folder(session, image)
        if session.force or not lasting(session) or not (kept / file_name(target)).is_file():
            write_sboms([target], kept, trivy=session.trivy, secrets=session.settings.tables.scan.secrets)
        made.append(place / file_name(target))
        shutil.copyfile(kept / file_name(target), made[-1])
    return made


def _all_known(session: Session) -> bool:
    """Whether all that this stage says of an existing image was read before: then it may stay where it is.

    A stage that runs something in it brings it here.
    """
    top = session.resolution.top
    if session.image_engine != "docker" or session.force or top.found is None:
        return False
    target = ScanTarget(kind="image", ref=top.ref, name=top.name)
    folder = folder_of(session, top.content_key, top.found.digest)
    secrets = session.settings.tables.scan.secrets
    return all((folder / name).is_file() for name in (file_name(target), LAYERS, BYTES)) and contents_known(
        target, top.found.digest, trivy=session.trivy, secrets=secrets
    )


def _weighed(session: Session, image: BuiltImage, sbom: Path) -> BuiltImage:
    """The image with its size, which is kept for when only its registry has it; its SBOM says it too."""
    if session.image_engine != "docker":
        return image
    path = folder(session, image) / BYTES
    if not image.bytes:
        known = int(json.loads(path.read_bytes())) if path.is_file() else read_sbom(sbom).bytes
        image = replace(image, bytes=known)
    if image.bytes and not path.is_file():
        write_json(path, image.bytes)
    return image


def _layers(session: Session, images: Mapping[str, BuiltImage], top: str) -> dict[str, str]:
    """What brought each file system layer that the top image stands on, as far as what is below it can be asked for.

    It is remembered beside the SBOM: where nothing has changed nobody is asked anything more.
    """
    if session.image_engine != "docker":
        return {}
    path = folder(session, images[top]) / LAYERS
    with suppress(OSError, ValueError):
        return dict(json.loads(path.read_bytes()))
    found = _asked(session, images, top)
    write_json(path, found)
    return found


def _asked(session: Session, images: Mapping[str, BuiltImage], top: str) -> dict[str, str]:
    lowest = session.resolution.images[0]
    base = lowest.spec.base if lowest.spec is not None else None
    known = {} if base is None else {BASE_LAYER: base.ref}
    lower = {name: image.ref for name, image in images.items() if name != top}
    if session.made_elsewhere:
        # All of them are in the registry, also those that nobody had to ask for.
        lower = {plan.name: plan.ref for plan in session.resolution.images if plan.name != top}
    store = session.image_store()
    found: dict[str, str] = {}
    for name, ref in {**known, **lower}.items():
        image = store.facts(ref)
        for layer in image.layers if image is not None else ():
            found.setdefault(layer, name)
    return found


def _contents(
    session: Session, images: Mapping[str, BuiltImage], trees: Sequence[ScanTarget], sboms: Sequence[Path]
) -> list[Path]:
    """What is inside, for a scan on a machine without these images. Trivy's cache knows it from the SBOM."""
    scan = session.settings.tables.scan
    made = []
    for target, sbom in zip(trees, sboms, strict=True):
        report = read_contents(
            target,
            read_sbom(sbom),
            trivy=session.trivy,
            secrets=scan.secrets,
            timeout=scan.timeout,
            digest=images[target.name].digest if target.kind == "image" else None,
        )
        made.append(sbom.with_name(sbom.name.split(".")[0] + SUFFIX))
        write_contents(made[-1], report, target, trivy=session.trivy, secrets=scan.secrets)
    return made
