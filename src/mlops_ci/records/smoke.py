"""Outputs of a smoke run: a few steps of the training that show whether it can work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from mlops_ci.records.marks import VOLATILE


@dataclass(frozen=True, kw_only=True)
class SmokeCheck:
    """One check: `loss`, `gradients` or `checkpoint`. `SKIP` could not be looked at, and is no pass."""

    id: Literal["loss", "gradients", "checkpoint"]
    status: Literal["PASS", "FAIL", "SKIP"]
    why: str


@dataclass(frozen=True, kw_only=True)
class SmokeOutputs:
    """`steps` of the optimiser were taken; `losses` are those of each step, null where one was not finite."""

    steps: int
    losses: tuple[float | None, ...]
    checks: tuple[SmokeCheck, ...]
    seconds: Annotated[float, VOLATILE]
    resumed_from: int | None = None
