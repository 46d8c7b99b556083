"""Measured rates against the other devices of this node, and against this node's own past.

Both work on finished checks, whose ids are `NAME.DEVICE`, so that the caller needs to know no check.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Optional

from mlops_ci.guest.health.active.limits import DEFAULTS
from mlops_ci.guest.health.check import BLOCK, PASS, SKIP, WARN, Check

RATES = ("TFLOPS", "GB/s")
NORMAL_SPREAD = 1.4826
"""The standard deviation of normal data as a multiple of the median distance from its median."""

WARN_SPREADS, BLOCK_SPREADS = 3, 6


def rates(checks: Sequence[Check]) -> dict[str, dict[str, float]]:
    """What was measured: device → name of the check → rate. This is what a history keeps."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for check in checks:
        name, _, device = check.id.rpartition(".")
        if check.unit in RATES and isinstance(check.value, (int, float)) and name:
            found[device][name] = float(check.value)
    return dict(found)


def against_peers(checks: Sequence[Check], limits: Optional[Mapping[str, float]] = None) -> list[Check]:
    """`peers.NAME.DEVICE` for each rate that two devices or more have: a share of the median of the others."""
    by_name: dict[str, dict[str, float]] = defaultdict(dict)
    for device, measured in rates(checks).items():
        for name, value in measured.items():
            by_name[name][device] = value
    chosen = {**DEFAULTS, **(limits or {})}
    return [
        _peer(name, device, value, [other for at, other in values.items() if at != device], chosen)
        for name, values in sorted(by_name.items())
        if len(values) > 1
        for device, value in sorted(values.items())
    ]


def against_history(
    checks: Sequence[Check],
    past: Mapping[str, Mapping[str, Sequence[float]]],
    limits: Optional[Mapping[str, float]] = None,
) -> list[Check]:
    """`history.NAME.DEVICE` for each rate; `past` is device → name of the check → what earlier runs measured here."""
    chosen = {**DEFAULTS, **(limits or {})}
    return [
        _then_and_now(name, device, value, past.get(device, {}).get(name, ()), chosen)
        for device, measured in sorted(rates(checks).items())
        for name, value in sorted(measured.items())
    ]


def _peer(name: str, device: str, value: float, others: Sequence[float], limits: Mapping[str, float]) -> Check:
    middle = statistics.median(others)
    share = round(value / middle, 3) if middle > 0 else 1.0
    full, unit = f"peers.{name}.{device}", "of the median of the other GPUs"
    cause = f"{device} reaches {value:.4g} where the other GPUs of this node reach {middle:.4g}"
    advice = "One slow GPU slows all of a job: run on another node, and have this GPU looked at."
    if share < limits["peers.block"]:
        return Check(full, BLOCK, share, limits["peers.block"], unit, cause, advice, node=True)
    if share < limits["peers.warn"]:
        return Check(full, WARN, share, limits["peers.warn"], unit, cause, advice)
    return Check(full, PASS, share, limits["peers.warn"], unit)


def _then_and_now(name: str, device: str, value: float, past: Sequence[float], limits: Mapping[str, float]) -> Check:
    full, unit = f"history.{name}.{device}", "of this node's median"
    least = int(limits["history.least"])
    if len(past) < least:
        return Check(full, SKIP, cause=f"{len(past)} earlier measurements, {least} are needed")
    middle = statistics.median(past)
    if middle <= 0:
        return Check(full, SKIP, cause="the earlier measurements are no rates")
    spread = NORMAL_SPREAD * statistics.median(abs(one - middle) for one in past) / middle
    share = round(value / middle, 3)
    warn = 1 - max(limits["history.warn-loss"], WARN_SPREADS * spread)
    block = 1 - max(limits["history.block-loss"], BLOCK_SPREADS * spread)
    cause = f"{value:.4g}, where {len(past)} earlier runs on this node had a median of {middle:.4g}"
    advice = "Something on this node has changed: look at clocks, heat, power and other jobs."
    if device != "cpu" and share < block:
        return Check(full, BLOCK, share, round(block, 3), unit, cause, advice, node=True)
    if share < warn:
        return Check(full, WARN, share, round(warn, 3), unit, cause, advice)
    return Check(full, PASS, share, round(warn, 3), unit)
