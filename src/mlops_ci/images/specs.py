"""What a layer is made from, as the planner and the builders see it, and the beginning of its key's document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from mlops_ci.images import content_key, host_python, lockfile
from mlops_ci.images.base_image import BaseImage
from mlops_ci.images.catalogue import SHARED_FOLDER, Catalogue, Kind, Layer, Product, Variant
from mlops_ci.images.content_key import ContextFile
from mlops_ci.images.lockfile import Pin
from mlops_ci.images.lookup import Lookup
from mlops_ci.settings.settings import Settings

PROJECT = "project"
LOCK = "requirements.lock"
CONSTRAINTS = "constraints.txt"
FILES = "files"
PROGRAM = "program"


@dataclass(frozen=True, kw_only=True)
class LayerSpec:
    """All that a layer is made from. `image` is the name of its image where that is not the layer's.

    `files` are what the build step sees; with `context` (the user's Dockerfile) they lie in that folder, else they are
    put into one. `lock` is the file of the locked packages; `requirements` is the user's file in `files`; `document` is
    the key's. `time` (seconds since 1970) is that of everything that the build makes, so that equal inputs give equal
    layers. `budget`: bytes that it may hold, unpacked. `labels` are added to those that every image has.
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
    lock: Path | None = None
    requirements: str | None = None
    companions: bool = False
    base: BaseImage | None = None
    platform: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    time: int = content_key.OLDEST
    budget: int | None = None
    kind: Kind = "cpu"
    warnings: tuple[str, ...] = ()

    @cached_property
    def pins(self) -> tuple[Pin, ...]:
        """The locked packages: read when a build needs them, since a plan of many images does not."""
        return () if self.lock is None else lockfile.read(self.lock)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What the layers of one run have in common. `lookup` answers for images of others."""

    settings: Settings
    catalogue: Catalogue
    variant: Variant
    engine: Literal["docker", "host"]
    base: BaseImage | None = None
    lookup: Lookup | None = None
    strict: bool = True

    @property
    def product(self) -> Product:
        """The layers of the catalogue that the settings choose."""
        return self.catalogue.product(self.settings.tables.image.layer, self.variant.kind)

    @property
    def period(self) -> str:
        """The period in which the lowest layer counts as fresh: a site without a network keeps that of its archive."""
        return self.settings.tables.mirrors.period or content_key.epoch(self.settings.tables.image.freshness)

    @property
    def time(self) -> int:
        """When the period began, in seconds since 1970."""
        return content_key.beginning(self.period)


def document_of(recipe: Recipe, name: str, files: tuple[ContextFile, ...]) -> dict[str, Any]:
    """What every layer's document says; the caller adds what its build step has beside files."""
    document: dict[str, Any] = {
        "schema": content_key.SCHEMA,
        "builder": content_key.BUILDER,
        "engine": recipe.engine,
        "layer": name,
        "files": content_key.entries(files),
    }
    if recipe.engine == "docker":
        document |= {"platform": recipe.variant.platform, "compression": str(recipe.catalogue.packing)}
    else:
        document["python"] = host_python.identity()
    return document


def bundled_files(catalogue: Catalogue, layer: Layer) -> tuple[ContextFile, ...]:
    """The files of a layer's build step: those that layers share, its own, and the program that it copies."""
    folder = catalogue.folder / SHARED_FOLDER
    programs = sorted((layer.folder / PROGRAM).rglob("*.py"))
    paths = {
        **{name: folder / name for name in layer.shared},
        **{name: layer.folder / name for name in layer.files},
        **{path.relative_to(layer.folder).as_posix(): path for path in programs},
    }
    return tuple(ContextFile(path=name, content=path.read_bytes()) for name, path in paths.items())


def bundled_layer(
    recipe: Recipe,
    layer: Layer,
    *,
    files: tuple[ContextFile, ...],
    args: Mapping[str, str],
    requirements: str | None = None,
    companions: bool = False,
    labels: Mapping[str, str] = MappingProxyType({}),
) -> LayerSpec:
    """A layer with a Dockerfile of ours, over `files` that are not part of the package's build step."""
    files += bundled_files(recipe.catalogue, layer)
    text = (layer.folder / "Dockerfile").read_bytes()
    document = {
        **document_of(recipe, layer.name, files),
        "dockerfile": content_key.digest_bytes(text),
        "args": dict(args),
    }
    return LayerSpec(
        name=layer.name,
        document=document,
        files=files,
        dockerfile=text,
        shown=f"images/{layer.name}/Dockerfile",
        args=args,
        uses=layer.uses,
        requirements=requirements,
        companions=companions,
        labels=labels,
        platform=recipe.variant.platform,
        time=recipe.time,
    )
