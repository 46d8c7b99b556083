"""The numbers of the gates, from `resources/gates.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, kw_only=True)
class GateConstants:
    """`confidence` of intervals, bootstrap `resamples`, `seed` and `units`, slices' `smallest` size and test `level`.

    `match` is the relative distance within which a metric computed from predictions is the reported one, `most_classes`
    the number of classes that a classifier may have.
    """

    confidence: float
    resamples: int
    seed: int
    units: int
    smallest: int
    level: float
    match: float
    most_classes: int


@cache
def constants() -> GateConstants:
    """The constants, read once."""
    tables = tomllib.loads(files("mlops_ci.resources").joinpath("gates.toml").read_text(encoding="utf-8"))
    return GateConstants(
        **tables["interval"],
        **tables["slices"],
        match=tables["match"]["relative"],
        most_classes=tables["classes"]["most"],
    )
