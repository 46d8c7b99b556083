"""From a measured rate and its limits to a check."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

from mlops_ci.guest.health.check import BLOCK, PASS, SKIP, WARN, Check


def rate(
    name: str,
    value: float,
    unit: str,
    *,
    warn: Optional[float],
    block: Optional[float],
    cause: str,
    advice: str,
) -> Check:
    """WARN below `warn`, BLOCK below `block`; without limits the measurement alone. `cause` says what is slow."""
    rounded = float(f"{value:.4g}")
    if block is not None and value < block:
        return Check(name, BLOCK, rounded, float(f"{block:.4g}"), unit, cause, advice, node=True)
    if warn is not None and value < warn:
        return Check(name, WARN, rounded, float(f"{warn:.4g}"), unit, cause, advice)
    return Check(name, PASS, rounded, None if warn is None else float(f"{warn:.4g}"), unit)


def alone(check: Check, *, cpu: bool) -> Check:
    """The rate of a GPU that no table and no formula knows is no pass: other GPUs and the past are left to compare."""
    if cpu:
        return check
    return replace(check, status=SKIP, cause="measured; neither table nor formula says what this model should reach")
