"""The limits and names in `resources/engines.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """The tables of the file; sizes in bytes, times in seconds."""

    container_user: int
    container_tmp_bytes: int
    stop_margin: float
    stop_keeper: float
    stop_kill: float
    stop_silence: float
    stop_shutdown: float
    leases_timeout: float
    leases_poll: float
    host_path: str
    host_passed: tuple[str, ...]
    inside_passed_prefixes: tuple[str, ...]


@cache
def defaults() -> Defaults:
    """The file's content; every key is `table_key`."""
    tables = tomllib.loads(files("mlops_ci").joinpath("resources", "engines.toml").read_text(encoding="utf-8"))
    flat: dict[str, Any] = {
        f"{table}_{key}": value for table, values in tables.items() for key, value in values.items()
    }
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in flat.items()}
    return Defaults(**values)
