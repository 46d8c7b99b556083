"""Outputs of the verify stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from mlops_ci.records.marks import VOLATILE

Verdict = Literal["healthy", "degraded", "unhealthy", "cpu-only"]


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """One check: SKIP means that it could not be observed, which is never a pass."""

    id: str
    status: Literal["PASS", "WARN", "BLOCK", "SKIP"]
    value: Annotated[str | float | int | bool | None, VOLATILE] = None
    limit: str | float | int | bool | None = None
    unit: str = ""
    cause: Annotated[str, VOLATILE] = ""
    advice: str = ""


@dataclass(frozen=True, kw_only=True)
class VerifyOutputs:
    """`devices` names what would be used: GPU UUIDs, or `cpu`."""

    verdict: Verdict
    checks: tuple[HealthCheck, ...]
    devices: Annotated[tuple[str, ...], VOLATILE]
