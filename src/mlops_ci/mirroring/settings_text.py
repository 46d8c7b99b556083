"""The settings that make the pipeline take everything from an imported archive, as TOML and as variables."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_ci.config.toml_text import written
from mlops_ci.mirroring.index import Index

Tables = Mapping[str, Mapping[str, Any]]


def site_tables(index: Index, folder: Path, *, wheels: bool, registry: str | None) -> Tables:
    """The tables and keys as `mlops.toml` has them."""
    mirrors: dict[str, Any] = {}
    if index.base is not None and not index.base.pinned:
        # The digest is part of every image's key, so the name keeps the one that the images were built with.
        mirrors["images"] = {index.base.name: f"{index.base.ref or index.base.name}@{index.base.digest}"}
    if wheels:
        simple = (folder / "simple").as_uri()
        mirrors |= {"index": simple, "torch-index": simple, "find-links": [str(folder / "wheels")]}
    if index.period:
        mirrors["period"] = index.period
    found: dict[str, Mapping[str, Any]] = {"mirrors": mirrors} if mirrors else {}
    if registry is not None and index.images:
        found["image"] = {"registry": registry}
    if index.database is not None:
        found["scan"] = {"offline": True}
    return found


def as_toml(tables: Tables) -> str:
    """To paste into `mlops.toml`."""
    return "\n".join(
        f"[{table}]\n" + "".join(f"{key} = {written(value)}\n" for key, value in keys.items())
        for table, keys in tables.items()
    )


def as_variables(tables: Tables) -> dict[str, str]:
    """For the environment of a runner, where they count for all its projects."""
    return {
        f"MLOPS_CI_{table.upper()}__{key.upper().replace('-', '_')}": value
        if isinstance(value, str)
        else written(value)
        for table, keys in tables.items()
        for key, value in keys.items()
    }


def as_exports(variables: Mapping[str, str]) -> str:
    """The variables as lines for a shell."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
