"""Outputs of the verify stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from mlops_ci.records.marks import VOLATILE

Verdict = Literal["healthy", "degraded", "unhealthy", "cpu-only"]


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """One check: SKIP means that it could not be observed, which is never a pass.

    `node` says for a BLOCK that another node may do; `evidence` is what was read, `uuid` the GPU that it is about.
    """

    id: str
    status: Literal["PASS", "WARN", "BLOCK", "SKIP"]
    value: Annotated[str | float | int | bool | None, VOLATILE] = None
    limit: Annotated[str | float | int | bool | None, VOLATILE] = None
    unit: Annotated[str, VOLATILE] = ""
    cause: Annotated[str, VOLATILE] = ""
    advice: str = ""
    node: bool = False
    evidence: Annotated[str, VOLATILE] = ""
    uuid: Annotated[str, VOLATILE] = ""


@dataclass(frozen=True, kw_only=True)
class CheckedDevice:
    """A device that answered: its name in torch, its model, its UUID (empty for the CPU)."""

    device: str
    name: str
    uuid: str = ""


@dataclass(frozen=True, kw_only=True)
class VerifyOutputs:
    """`devices` names what would be used: GPU UUIDs, or `cpu`. `boot` is the boot of the node, `host` its name.

    `signed_by`: whose signature the image has, where one is asked for.
    `computed_at`: when what costs GPU time was computed; an earlier time where an earlier verdict still counted.
    """

    verdict: Verdict
    checks: tuple[HealthCheck, ...]
    devices: Annotated[tuple[str, ...], VOLATILE]
    details: Annotated[tuple[CheckedDevice, ...], VOLATILE] = ()
    host: Annotated[str, VOLATILE] = ""
    boot: Annotated[str, VOLATILE] = ""
    computed_at: Annotated[str, VOLATILE] = ""
    signed_by: str = ""
