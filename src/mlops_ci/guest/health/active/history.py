"""Measured rates against this node's own past: works on finished checks, whose ids are `NAME.DEVICE`."""

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
