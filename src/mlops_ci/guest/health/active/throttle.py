"""Were the clocks held down while the GPU worked? By the driver's reasons, and by its counters before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from mlops_ci.guest.health.active.sensor import Reading
from mlops_ci.guest.health.check import BLOCK, PASS, SKIP, WARN, Check

HARDWARE = {0x8: "hardware slowdown", 0x40: "hardware thermal slowdown", 0x80: "power brake"}
SOFTWARE = {0x20: "software thermal slowdown"}
"""`nvmlClocksEventReason` bits. Not listed, since they are normal under load: 1 idle, 2 application clocks, 0x10 sync
boost, 0x100 display clocks."""

POWER_CAP = 0x4
"""Software power cap: the card is at its power limit, which is normal under load."""

FAULTS = sum(HARDWARE) | sum(SOFTWARE)
"""The bits of all that is not normal."""

ADVICE = "Look at cooling, power supply and cables of this node; run on another one meanwhile."


def judge_load(name: str, before: Optional[Reading], during: Sequence[Reading], after: Optional[Reading]) -> Check:
    """BLOCK for slowdowns by the hardware, WARN for one by heat, SKIP where the driver tells nothing."""
    seen = [reading.reasons for reading in during if reading.reasons is not None]
    held = _held(before, after)
    if not seen and held is None:
        return Check(name, SKIP, cause="the driver does not tell why clocks change")
    hard, soft = (_shares(seen, bits) for bits in (HARDWARE, SOFTWARE))
    hot = _hottest(during)
    if hard:
        return Check(name, BLOCK, cause=f"{_text(hard)}{hot}", advice=ADVICE, node=True)
    thermal = 0 if held is None else held.get("thermal", 0)
    if soft or thermal:
        counted = [f"{thermal / 1e9:.2f} s held down by heat"] if thermal else []
        return Check(name, WARN, cause=", ".join(([_text(soft)] if soft else []) + counted) + hot, advice=ADVICE)
    return Check(name, PASS, 0, 0, f"throttling in {len(seen)} looks")


def _held(before: Optional[Reading], after: Optional[Reading]) -> Optional[dict[str, int]]:
    if before is None or after is None:
        return None
    common = set(before.held_ns) & set(after.held_ns)
    return {name: after.held_ns[name] - before.held_ns[name] for name in common} or None


def _shares(seen: Sequence[int], bits: dict[int, str]) -> dict[str, float]:
    shares = {word: sum(1 for reasons in seen if reasons & bit) / len(seen) for bit, word in bits.items() if seen}
    return {word: share for word, share in shares.items() if share}


def _text(shares: dict[str, float]) -> str:
    return ", ".join(f"{word} in {share:.0%} of the looks" for word, share in shares.items())


def _hottest(during: Sequence[Reading]) -> str:
    degrees = [reading.temperature_c for reading in during if reading.temperature_c is not None]
    return f", at up to {max(degrees):.0f} C" if degrees else ""
