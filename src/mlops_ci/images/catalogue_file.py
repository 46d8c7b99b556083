"""Reads `images/catalogue.toml` and `images/locks.toml`, and says everything that is wrong in them at once."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlops_ci.images.catalogue import (
    CPU,
    Catalogue,
    CatalogueError,
    Cuda,
    ExternalBase,
    Layer,
    Packing,
    Release,
    Variant,
)
from mlops_ci.images.catalogue_checks import missing_locks, problems

SCHEMA = "mlops-ci/catalogue/2"
FILE = "catalogue.toml"
# What `nox -s update` could not lock, and why. Written by it alone.
LOCKS = "locks.toml"
SHOWN = 8
PLATFORM = {"platform": "linux/amd64", "machine": "x86_64"}


def read(folder: Path, *, complete: bool = True) -> Catalogue:
    """The catalogue in `folder`; without `complete` locks may be missing. Raises `CatalogueError` with all problems."""
    try:
        data = _toml(folder / FILE)
        if data["schema"] != SCHEMA:
            raise ValueError(f"schema {data['schema']!r}, expected {SCHEMA!r}")
        locks = _toml(folder / LOCKS) if (folder / LOCKS).is_file() else {}
        known = _parse(folder, data, locks)
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CatalogueError(
            f"{folder / FILE} cannot be used: {_words(error)}", hint="install mlops-ci again"
        ) from error
    found = (*_doubles(data), *problems(known), *(missing_locks(known) if complete else ()))
    if found:
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise CatalogueError(
            f"{folder / FILE} cannot be used: {'; '.join(found[:SHOWN])}{more}",
            hint="correct the file; the catalogue that came with mlops-ci is whole after a new installation",
        )
    return known


def _toml(path: Path) -> dict[str, Any]:
    with path.open("rb") as stream:
        return tomllib.load(stream)


def _words(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return str(error) if isinstance(error, ValueError) else repr(error)


def _parse(folder: Path, data: Mapping[str, Any], locks: Mapping[str, Any]) -> Catalogue:
    user, code, serve = dict(data["user"]), dict(data["code"]), dict(data["serve"])
    releases = {name: Release(series=name, **_tuples(table)) for name, table in data["torch"].items()}
    cudas = {name: Cuda(name=name, **table) for name, table in data["cuda"].items()}
    rows = [_variant(row, data["python"], releases, cudas, locks.get("pending", {})) for row in data["variants"]]
    return Catalogue(
        folder=folder,
        base=ExternalBase(**data["base"]),
        packing=Packing(**data["packing"]),
        host_pythons=tuple(data["python"]["host"]),
        protected=tuple(data["packages"]["protected"]),
        companions=tuple(data["packages"]["companions"]),
        nvidia=tuple(data["packages"]["nvidia"]),
        releases=releases,
        cudas=cudas,
        variants={row.id: row for row in rows},
        layers={name: _layer(folder, name, table) for name, table in data["layers"].items()},
        user=_layer(folder, user.pop("layer"), user),
        code=_layer(folder, code.pop("layer"), code),
        serve=_layer(folder, serve.pop("layer"), serve),
        lacks={name: tuple(names) for name, names in locks.get("lacks", {}).items()},
    )


def _variant(
    row: Mapping[str, Any],
    python: Mapping[str, Any],
    releases: Mapping[str, Release],
    cudas: Mapping[str, Cuda],
    pending: Mapping[str, str],
) -> Variant:
    values = {**PLATFORM, "python": python["image"], "hashed": python["host"], **row}
    series, build = values.pop("torch"), values.pop("build")
    if series not in releases:
        raise ValueError(f"a variant is of torch {series!r}, which has no table [torch.{series!r}]")
    if build != CPU and build not in cudas:
        raise ValueError(f"the variant {series}-{build} is for {build!r}, which has no table [cuda.{build}]")
    return Variant(
        release=releases[series],
        name=build,
        cuda=cudas.get(build),
        pending=pending.get(f"{series}-{build}"),
        **_tuples(values),
    )


def _layer(folder: Path, name: str, table: Mapping[str, Any]) -> Layer:
    values = _tuples(table)
    parent = values.pop("parent", {})
    if isinstance(parent, str):
        parent = {"cpu": parent, "cuda": parent}
    return Layer(name=name, folder=folder / name, parent=parent, **values)


def _tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def _doubles(data: Mapping[str, Any]) -> Iterator[str]:
    """Variants that stand there twice; of tables TOML itself says so."""
    names = [f"{row['torch']}-{row['build']}" for row in data["variants"]]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield f"the variant {name} is there {names.count(name)} times"
