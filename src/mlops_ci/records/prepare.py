"""Outputs of the prepare stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from mlops_ci.records.marks import VOLATILE
from mlops_ci.records.record import FileRef


@dataclass(frozen=True, kw_only=True)
class DriftTest:
    """One test on one column: `value` against `limit`. SKIP says why nothing could be said."""

    column: str
    test: Literal["mean", "spread", "ks", "psi", "share", "missing", "columns"]
    status: Literal["same", "shifted", "SKIP"]
    value: float | None = None
    limit: float | None = None
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Today's data against that of the last successful night (`reference`: its run; null when there is none).

    `tests` has the ones that say something, the shifted first; `passed` counts the others. `profile` is what today's
    data looks like, for the nights to come.
    """

    verdict: Literal["same", "shifted", "unknown"]
    why: str
    reference: Annotated[str | None, VOLATILE] = None
    tests: tuple[DriftTest, ...] = ()
    passed: int = 0
    profile: FileRef | None = None


@dataclass(frozen=True, kw_only=True)
class PrepareOutputs:
    """`data` is the folder that training sees (null without data); digests are SHA-256 over a listing of all files.

    `drift` is there when `[nightly] drift` asks for it.
    """

    data: Annotated[str | None, VOLATILE]
    source_digest: str | None
    data_digest: str | None
    files: int
    bytes: int
    cached: Annotated[bool, VOLATILE]
    drift: Drift | None = None
