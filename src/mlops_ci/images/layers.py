"""What each layer is made from: its files, its Dockerfile and arguments, and therefore its content key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mlops_ci.errors import MissingError, UsageError
from mlops_ci.images import build_context, content_key, dockerfile, host_python, lockfile, requirements_file
from mlops_ci.images.base_image import BaseImage
from mlops_ci.images.catalogue import SHARED_FOLDER, Catalogue, Kind, Layer, Product, Variant
from mlops_ci.images.content_key import ContextFile
from mlops_ci.images.lockfile import Pin
from mlops_ci.settings.settings import Settings

PROJECT = "project"
LOCK = "requirements.lock"
CONSTRAINTS = "constraints.txt"
FILES = "files"
PROGRAM = "program"


class PendingLockError(MissingError):
    """The variant is in the catalogue, and its locks have not been written yet."""


class HostDockerfileError(UsageError):
    """The settings name a Dockerfile, which the host engine cannot build."""


@dataclass(frozen=True, kw_only=True)
class LayerSpec:
    """All that a layer is made from. `image` is the name of its image where that is not the layer's.

    `files` are what the build step sees; with `context` (the user's Dockerfile) they lie in that folder, else they are
    put into one. `pins` are locked packages; `requirements` is the user's file in `files`. `document` is the key's. `time` (seconds since
    1970) is that of everything that the build makes, so that equal inputs give equal layers. `budget`: bytes that it may
    hold, unpacked.
    """

    name: str
    image: str = ""
    document: Mapping[str, Any]
    files: tuple[ContextFile, ...]
    dockerfile: bytes = b""
    shown: str = ""
    context: Path | None = None
    ignore: str = ""
    args: Mapping[str, str] = field(default_factory=dict)
    uses: tuple[str, ...] = ()
    pins: tuple[Pin, ...] = ()
    requirements: str | None = None
    companions: bool = False
    base: BaseImage | None = None
    platform: str = ""
    time: int = content_key.OLDEST
    budget: int | None = None
    kind: Kind = "cpu"
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What the layers of one run have in common."""

    settings: Settings
    catalogue: Catalogue
    variant: Variant
    engine: Literal["docker", "host"]
    base: BaseImage | None = None

    @property
    def product(self) -> Product:
        """The layers of the catalogue that the settings choose."""
        return self.catalogue.product(self.settings.tables.image.layer, self.variant.kind)

    @property
    def period(self) -> str:
        """The period in which the lowest layer counts as fresh: a site without a network keeps that of its archive."""
        return self.settings.tables.mirrors.period or content_key.epoch(self.catalogue.base.freshness)

    @property
    def time(self) -> int:
        """When the period began, in seconds since 1970."""
        return content_key.beginning(self.period)


def layer_specs(recipe: Recipe) -> tuple[LayerSpec, ...]:
    """The layers from base to top. Raises a `UsageError` for settings that no image can be made from."""
    image = recipe.settings.tables.image
    chosen = recipe.product
    torch = recipe.variant.torch
    if recipe.engine == "host":
        host_python.check(recipe.catalogue, torch)
        if image.dockerfile:
            raise HostDockerfileError(
                f"[image] dockerfile = `{image.dockerfile}` needs the Docker engine, and this run uses the host engine",
                hint="start Docker and use --engine docker, or put Python packages into [image] requirements",
            )
    _check_locked(recipe.variant)
    pairs = zip(chosen.layers, chosen.images, strict=True)
    specs = [_catalogue_layer(recipe, layer, image) for layer, image in pairs if _is_made(recipe, layer)]
    apt = image.apt if recipe.engine == "docker" else ()
    if image.requirements or apt:
        specs.append(_user_layer(recipe, torch, apt))
    if image.dockerfile:
        specs.append(_project_layer(recipe, image.dockerfile))
    return tuple(specs)


def _document(recipe: Recipe, name: str, files: tuple[ContextFile, ...]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "schema": content_key.SCHEMA,
        "builder": content_key.BUILDER,
        "engine": recipe.engine,
        "layer": name,
        "files": content_key.entries(files),
    }
    if recipe.engine == "docker":
        document["platform"] = recipe.variant.platform
    else:
        document["python"] = host_python.identity()
    return document


def _check_locked(variant: Variant) -> None:
    if variant.pending:
        raise PendingLockError(
            f"PyTorch {variant.release.series} for {variant.name} has no locks yet: {variant.pending}",
            hint="`mlops-ci images list` shows what can be built; a maintainer's `nox -s update` writes the locks where that "
            "index answers",
        )


def _is_made(recipe: Recipe, layer: Layer) -> bool:
    """Whether the engine makes something of a layer: an environment needs none without Python packages."""
    return recipe.engine == "docker" or layer.lock or not layer.below


def _catalogue_layer(recipe: Recipe, layer: Layer, image: str) -> LayerSpec:
    lock = layer.lock_file(recipe.variant)
    pins = lockfile.read(lock) if lock else ()
    files: tuple[ContextFile, ...] = () if lock is None else (ContextFile(path=LOCK, content=lock.read_bytes()),)
    if recipe.engine == "host":
        return LayerSpec(
            name=layer.name,
            image=image,
            document=_document(recipe, layer.name, files),
            files=files,
            pins=pins,
            warnings=(
                *host_python.warnings(recipe.variant, pins, recipe.catalogue.protected),
                *_lacking(recipe, layer),
            ),
        )
    files += (*_shared(recipe.catalogue, layer), *_program(layer))
    text = (layer.folder / "Dockerfile").read_bytes()
    lowest = not layer.below
    args = {"PERIOD": recipe.period} if lowest else {}
    document = {**_document(recipe, layer.name, files), "dockerfile": content_key.digest_bytes(text), "args": args}
    if lowest and recipe.base is not None:
        document["base"] = {"name": recipe.base.name, "digest": recipe.base.digest}
    if any(pin.name in recipe.catalogue.protected for pin in pins):
        document["torch_index"] = recipe.variant.index
    return LayerSpec(
        name=layer.name,
        image=image,
        document=document,
        files=files,
        dockerfile=text,
        shown=f"images/{layer.name}/Dockerfile",
        args=args,
        uses=layer.uses,
        pins=pins,
        base=recipe.base if lowest else None,
        platform=recipe.variant.platform,
        time=recipe.time,
        budget=layer.budget_bytes(recipe.variant.kind),
        kind=recipe.variant.kind,
        warnings=_lacking(recipe, layer),
    )


def _lacking(recipe: Recipe, layer: Layer) -> tuple[str, ...]:
    """What the layer should hold, and could not be locked."""
    names = recipe.catalogue.lacks.get(f"{layer.name}/{recipe.variant.id}", ())
    if not names:
        return ()
    return (
        f"the layer {layer.name} has no {' and no '.join(names)} in the variant {recipe.variant.name}: not locked yet",
    )


def _shared(catalogue: Catalogue, layer: Layer) -> tuple[ContextFile, ...]:
    folder = catalogue.folder / SHARED_FOLDER
    return tuple(ContextFile(path=name, content=(folder / name).read_bytes()) for name in layer.shared)


def _program(layer: Layer) -> Iterator[ContextFile]:
    """The files of a program of the layer's own, which its Dockerfile copies into the image."""
    folder = layer.folder / PROGRAM
    for path in sorted(folder.rglob("*.py")):
        yield ContextFile(path=f"{PROGRAM}/{path.relative_to(folder).as_posix()}", content=path.read_bytes())


def _user_layer(recipe: Recipe, torch: str, apt: tuple[str, ...]) -> LayerSpec:
    settings, layer = recipe.settings, recipe.catalogue.user
    named, companions = None, False
    files: tuple[ContextFile, ...] = ()
    if settings.tables.image.requirements:
        found = requirements_file.read(
            settings.tables.image.requirements,
            root=settings.root,
            torch=torch,
            where=_where(settings, "image.requirements"),
        )
        named = found.main
        companions = not found.names.isdisjoint(recipe.catalogue.companions)
        files = (
            ContextFile(path=CONSTRAINTS, content=f"torch=={torch}\n".encode()),
            *(ContextFile(path=f"{FILES}/{name}", content=(settings.root / name).read_bytes()) for name in found.files),
        )
    if recipe.engine == "host":
        return LayerSpec(
            name=layer.name,
            document=_document(recipe, layer.name, files),
            files=files,
            requirements=named,
            companions=companions,
        )
    files += _shared(recipe.catalogue, layer)
    text = (layer.folder / "Dockerfile").read_bytes()
    args = {"APT_PACKAGES": " ".join(sorted(apt)), "REQUIREMENTS": named or ""}
    document = {**_document(recipe, layer.name, files), "dockerfile": content_key.digest_bytes(text), "args": args}
    return LayerSpec(
        name=layer.name,
        document=document,
        files=files,
        dockerfile=text,
        shown=f"images/{layer.name}/Dockerfile",
        args=args,
        uses=layer.uses,
        requirements=named,
        companions=companions,
        platform=recipe.variant.platform,
        time=recipe.time,
    )


def _project_layer(recipe: Recipe, name: str) -> LayerSpec:
    root = recipe.settings.root
    checked = dockerfile.read(root / name, shown=name)
    ignore = build_context.ignore_text(root, root / name)
    rules = build_context.IgnoreRules(tuple(ignore.splitlines()))
    files = build_context.context_files(root, rules, checked.copies)
    text = (root / name).read_bytes()
    document = {**_document(recipe, PROJECT, files), "dockerfile": content_key.digest_bytes(text), "args": {}}
    return LayerSpec(
        name=PROJECT,
        document=document,
        files=files,
        dockerfile=text,
        shown=name,
        context=root,
        ignore=ignore,
        uses=("pip", "apt"),
        platform=recipe.variant.platform,
        time=recipe.time,
        warnings=tuple(
            f"{name}:{line}: `{image}` has no digest, so it may change without a rebuild; write NAME@sha256:..."
            for image, line in checked.externals
        ),
    )


def _where(settings: Settings, key: str) -> str:
    """Where a setting was written, for a message."""
    source = settings.sources.get(key)
    table, _, name = key.partition(".")
    return f"{source.where}: [{table}] {name}" if source else f"[{table}] {name}"
