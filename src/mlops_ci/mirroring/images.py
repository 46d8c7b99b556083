"""Finished layer images: saved from the engine, loaded into another, or pushed on to a registry."""

from __future__ import annotations

import json
import posixpath
import tarfile
from collections.abc import Sequence
from pathlib import Path

from mlops_ci import process
from mlops_ci.console import Console
from mlops_ci.errors import InfrastructureError
from mlops_ci.files import digest_of, write_atomic
from mlops_ci.images import naming, transfer
from mlops_ci.images.build import build_images
from mlops_ci.images.builder import docker_environment
from mlops_ci.images.lookup import engine_image
from mlops_ci.images.plan import owner
from mlops_ci.images.store import made_elsewhere
from mlops_ci.mirroring import layout
from mlops_ci.mirroring.index import IMAGE, BaseEntry, ImageEntry
from mlops_ci.mirroring.reading import Archive
from mlops_ci.mirroring.wanted import Wanted
from mlops_ci.mirroring.writing import Source
from mlops_ci.progress import long_step
from mlops_ci.registry.client import Registry

FOLDER = "images"
SHORT = 16
# Files of the engine's tar that list the images.
LISTS = ("index.json", "manifest.json")


class ImageSaveError(InfrastructureError):
    """The engine did not hand over its images."""


class ImageLoadError(InfrastructureError):
    """The engine did not take the images of the archive."""


def finished(wanted: Wanted, missing: list[str]) -> tuple[tuple[ImageEntry, ...], BaseEntry | None]:
    """All layers, in the engine under names of their own; what does not exist yet is built.

    What is not there though it may be missed (a lower layer, the base image) is added to `missing`.
    """
    built, _, _ = build_images(
        wanted.plans,
        wanted.settings,
        engine=wanted.engine,
        variant=wanted.variant,
        cache=wanted.cache,
        console=wanted.console,
    )
    shared = bool(wanted.settings.tables.image.registry)
    elsewhere = made_elsewhere(wanted.settings, wanted.engine)
    entries = []
    for plan in wanted.plans:
        project = owner(wanted.settings, plan.name)
        ref = naming.image_ref(project, plan.image, plan.content_key, registry=None)
        if _has(plan.ref, wanted.console, pull=shared and (elsewhere or plan.name not in built)):
            if ref != plan.ref:
                _docker(["tag", plan.ref, ref], wanted.console)
            entries.append(
                ImageEntry(layer=plan.name, image=plan.image, project=project, content_key=plan.content_key, ref=ref)
            )
        else:
            missing.append(f"image {plan.name}: only the layer on top of it exists, which holds its files")
    return tuple(entries), _base(wanted, missing)


def save(refs: Sequence[str], folder: Path, console: Console) -> dict[str, Source]:
    """The images as the engine saves them, by path in the archive; since Docker 25 that is an OCI layout.

    Layers that several images share are there once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = [(ref, found.digest if (found := engine_image(ref)) else "") for ref in refs]
    target = folder / f"{digest_of(known)[:SHORT]}.tar"
    # The docker command writes elsewhere first: what has the name is whole.
    if not target.exists():
        with long_step(console, "save-images", f"saving {len(refs)} images"):
            if not _docker(["save", "--output", str(target), *refs], console):
                raise ImageSaveError("the images could not be saved", hint="is there space left? see above")
    return _in_order(contents(target), target)


def _in_order(found: dict[str, Source], saved: Path) -> dict[str, Source]:
    """The same with sorted lists of images: the engine lists several in an order of the moment."""
    ordered = dict(found)
    for name in LISTS:
        source = found.get(f"{FOLDER}/{name}")
        if source is None:
            continue
        pieces: list[bytes] = []
        source.read(pieces.append)
        value = json.loads(b"".join(pieces))
        listed = value["manifests"] if isinstance(value, dict) else value
        listed.sort(key=lambda one: json.dumps(one, sort_keys=True))
        path = saved.with_name(f"{saved.stem}-{name}")
        write_atomic(path, json.dumps(value, sort_keys=True))
        ordered[f"{FOLDER}/{name}"] = Source(path=path, size=path.stat().st_size, offset=0)
    return ordered


def contents(saved: Path) -> dict[str, Source]:
    """What the engine saved, each file where it lies in its tar."""
    found: dict[str, Source] = {}
    with tarfile.open(saved) as archive:
        links: dict[str, str] = {}
        for member in archive:
            if member.isfile():
                source = Source(path=saved, size=member.size, offset=member.offset_data)
                found[f"{FOLDER}/{member.name}"] = source
            elif member.issym():
                links[member.name] = posixpath.normpath(posixpath.join(posixpath.dirname(member.name), member.linkname))
        # Older engines write a layer once and link to it; the archive has files alone.
        found.update({f"{FOLDER}/{name}": found[f"{FOLDER}/{to}"] for name, to in links.items()})
    return found


def bring(
    archive: Archive, *, registry: str | None, ca_bundle: Path | None, folder: Path, console: Console
) -> dict[str, str]:
    """Load the images into the engine, and with `registry` push them there: the reference by layer.

    What is there already is left alone.
    """
    index = archive.index
    refs = {
        entry.layer: naming.image_ref(entry.project, entry.image or entry.layer, entry.content_key, registry=registry)
        for entry in index.images
    }
    there = Registry(ca_bundle=ca_bundle) if registry is not None else None
    entries = [entry for entry in index.images if there is None or there.head(refs[entry.layer]) is None]
    wanted = [entry.ref for entry in entries]
    if index.base is not None and index.base.ref is not None and there is None:
        wanted.append(index.base.ref)
    if any(engine_image(ref) is None for ref in wanted):
        _load(archive, folder, console)
    for ref in wanted:
        if engine_image(ref) is None:
            raise ImageLoadError(f"the engine has no {ref} after loading", hint="run the same command again")
    for entry in entries if there is not None else ():
        _docker(["tag", entry.ref, refs[entry.layer]], console)
        with long_step(console, f"push-{entry.layer}", f"pushing {refs[entry.layer]}"):
            transfer.push(refs[entry.layer], console)
    return refs


def _load(archive: Archive, folder: Path, console: Console) -> None:
    """The engine takes a tar alone: a temporary one, of the members below `images/`."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = folder / "images.tar"
    try:
        with long_step(console, "load-images", f"loading {len(archive.index.images)} images"):
            with whole.open("wb") as stream:
                for member in archive.index.of_kind(IMAGE):
                    stream.write(layout.header(member.path.removeprefix(f"{FOLDER}/"), member.bytes))
                    archive.copy(member, stream)
                    stream.write(bytes(-member.bytes % layout.BLOCK))
                stream.write(layout.END)
            if not _docker(["load", "--input", str(whole)], console):
                raise ImageLoadError("the engine could not load the images", hint="see above; is there space left?")
    finally:
        whole.unlink(missing_ok=True)


def _base(wanted: Wanted, missing: list[str]) -> BaseEntry | None:
    base = wanted.base
    if base is None:
        return None
    pinned = base.name not in wanted.settings.tables.mirrors.images
    ref: str | None = naming.mirror_ref(base.name, base.digest)
    source = base.alias_of or base.ref
    if not _has(source, wanted.console, pull=base.alias_of is None):
        missing.append(f"base image {base.name}: it could not be pulled; the layers on top of it hold its files")
        ref = None
    elif ref is not None:
        _docker(["tag", source, ref], wanted.console)
    return BaseEntry(name=base.name, digest=base.digest, pinned=pinned, ref=ref)


def _has(ref: str, console: Console, *, pull: bool) -> bool:
    """Whether the engine has an image, brought from its registry if need be."""
    if engine_image(ref) is not None:
        return True
    return pull and _docker(["pull", ref], console) and engine_image(ref) is not None


def _docker(words: list[str], console: Console) -> bool:
    """Whether the command went well."""
    ended = process.run(
        ["docker", *words],
        environment=docker_environment(),
        on_line=console.output,
        redactor=console.redactor,
        check=False,
        leashed=True,
    )
    return ended.exit_code == 0
