"""`images/catalogue.toml`: the tree of layers, the variants and the pins."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from mlops_ci.errors import InternalError, UsageError
from mlops_ci.nearness import did_you_mean
from mlops_ci.resources import bundle

SCHEMA = "mlops-ci/catalogue/1"
SHARED_FOLDER = "common"
Freshness = Literal["month", "week", "never"]


class CatalogueError(InternalError):
    """The catalogue that travels with the package cannot be used."""


class UnknownLayerError(UsageError):
    """`[image] layer` names no layer of the catalogue."""


class UnknownTorchError(UsageError):
    """`[image] torch` names no release series of the catalogue."""


class UnknownVariantError(UsageError):
    """The variant is not in the catalogue."""


@dataclass(frozen=True, kw_only=True)
class ExternalBase:
    """The image of others that the lowest layer is built on: short name and manifest digest."""

    name: str
    digest: str
    freshness: Freshness


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One build of PyTorch.

    `local` is the local version of its wheels, `hashed` the Pythons whose wheel (for `machine`) the lock has a hash of,
    `driver` the oldest NVIDIA driver that runs it.
    """

    name: str
    local: str
    index: str
    platform: str
    machine: str
    hashed: tuple[str, ...]
    cuda: str | None = None
    driver: str | None = None


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer: `lock` is a file name with `{variant}` in it; `uses` names what its build step fetches (apt, pip)."""

    name: str
    folder: Path
    parent: str | None = None
    lock: str | None = None
    uses: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()

    def lock_file(self, variant: str) -> Path | None:
        """The lock of this layer in `variant`; None for a layer without Python packages."""
        return None if self.lock is None else self.folder / self.lock.format(variant=variant)


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """All of it. `user` is the layer of the user's own packages: its parent is whatever the settings choose."""

    folder: Path
    base: ExternalBase
    image_python: str
    host_pythons: tuple[str, ...]
    protected: tuple[str, ...]
    companions: tuple[str, ...]
    series: Mapping[str, str]
    variants: Mapping[str, Variant]
    layers: Mapping[str, Layer]
    user: Layer = field(compare=False)

    def chain(self, layer: str) -> tuple[Layer, ...]:
        """The layers from the lowest one up to `layer`. Raises `UnknownLayerError`."""
        if layer not in self.layers:
            raise UnknownLayerError(
                f"[image] layer `{layer}` is not in the catalogue{did_you_mean(layer, self.layers)}",
                hint=f"use one of: {', '.join(self.layers)}",
            )
        found = self.layers[layer]
        return (*(self.chain(found.parent) if found.parent else ()), found)

    def variant(self, name: str) -> Variant:
        """The variant of that name. Raises `UnknownVariantError`."""
        if name not in self.variants:
            raise UnknownVariantError(
                f"the variant `{name}` is not in the catalogue{did_you_mean(name, self.variants)}",
                hint=f"use auto, or one of: {', '.join(self.variants)}",
            )
        return self.variants[name]

    def torch(self, series: str) -> str:
        """The release of PyTorch for a series such as `2.13`. Raises `UnknownTorchError` with the nearest series."""
        if series not in self.series:
            raise UnknownTorchError(
                f"[image] torch `{series}` is not a release series of the catalogue; "
                f"the nearest is `{_nearest(series, self.series)}`",
                hint=f"use one of: {', '.join(self.series)}",
            )
        return self.series[series]


@cache
def load(folder: Path | None = None) -> Catalogue:
    """The catalogue in `folder`, by default the one that travels with the package. Raises `CatalogueError`."""
    where = folder or bundle("images")
    try:
        with (where / "catalogue.toml").open("rb") as stream:
            return _parse(where, tomllib.load(stream))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise CatalogueError(
            f"{where / 'catalogue.toml'} cannot be used: {error!r}", hint="install mlops-ci again"
        ) from error


def _parse(folder: Path, data: Mapping[str, Any]) -> Catalogue:
    if data["schema"] != SCHEMA:
        raise ValueError(f"schema {data['schema']!r}, expected {SCHEMA!r}")
    user = dict(data["user"])
    return Catalogue(
        folder=folder,
        base=ExternalBase(**data["base"]),
        image_python=data["python"]["image"],
        host_pythons=tuple(data["python"]["host"]),
        protected=tuple(data["torch"]["protected"]),
        companions=tuple(data["torch"]["companions"]),
        series=dict(data["torch"]["series"]),
        variants={name: Variant(name=name, **_tuples(table)) for name, table in data["variants"].items()},
        layers={name: _layer(folder, name, table) for name, table in data["layers"].items()},
        user=_layer(folder, user.pop("layer"), user),
    )


def _layer(folder: Path, name: str, table: Mapping[str, Any]) -> Layer:
    return Layer(name=name, folder=folder / name, **_tuples(table))


def _tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def _nearest(series: str, known: Mapping[str, str]) -> str:
    """The known series with the smallest distance, the first numbers counting most."""

    def numbers(text: str) -> tuple[int, ...]:
        return tuple(int(part) if part.isdigit() else 0 for part in text.split("."))

    wanted = numbers(series)
    return min(known, key=lambda name: tuple(abs(a - b) for a, b in zip(numbers(name), wanted, strict=False)))
