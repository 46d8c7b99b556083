"""The numbers of the object store's housekeeping, from `resources/artifacts.toml`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from mlops_ci.resources import read_toml


@dataclass(frozen=True, kw_only=True)
class CollectConstants:
    """See the file. Times are seconds."""

    older_than: float
    youngest: float
    batch: int
    lease: float
    patience: float
    checkpoints: float


@cache
def constants() -> CollectConstants:
    """The constants, read once."""
    return CollectConstants(
        **{name.replace("-", "_"): value for name, value in read_toml("artifacts.toml")["collect"].items()}
    )
