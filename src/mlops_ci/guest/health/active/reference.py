"""What a GPU model can do: a row of `gpus.json`, or one that is computed for a model that no table knows.

SM x FMA x 2 x boost reproduces every dense rate of the table, and 2 x memory clock x bus / 8 every bandwidth, so the
same formulas serve for unknown models. A computed row warns, and never blocks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Optional

from mlops_ci.guest.health.active.context import Context
from mlops_ci.guest.health.active.data_file import read

DERIVED_FLOOR = 0.35
"""The lowest floor of the table: what an unknown model is held to."""

SPEED = {"bf16": 1.0, "fp16": 1.0, "tf32": 0.5, "fp8": 2.0, "int8": 2.0}
"""Dense rates as multiples of the bf16 rate, on the generations that have the type (NVIDIA's datasheets)."""

LANE_RATE = {1: 2.5, 2: 5.0, 3: 8.0, 4: 16.0, 5: 32.0, 6: 64.0}
"""PCIe: gigatransfers per second and lane."""

PREFIXES = re.compile(r"^(NVIDIA|Tesla)\s+", re.IGNORECASE)
FULL_RATE = re.compile(r"\b(L4|L40S?|A10|A16|A40|RTX A\d+|RTX PRO.*|RTX \d+ Ada.*|Quadro.*|T4)\b")


@dataclass(frozen=True)
class Facts:
    """What a GPU says of itself; None is what it does not tell. Clocks are the highest ones, in MHz."""

    name: str
    capability: str = ""
    sm: Optional[int] = None
    boost_mhz: Optional[float] = None
    memory_mhz: Optional[float] = None
    bus_bits: Optional[int] = None


def row_for(facts: Facts) -> dict[str, Any]:
    """The reference of this GPU: the table's, a slice of it, a computed one, or none (empty)."""
    name = PREFIXES.sub("", facts.name.strip())
    plain = re.split(r"\s+MIG\b", name)[0]
    for row in read("gpus.json")["gpus"]:
        if re.fullmatch(row["match"], plain):
            return dict(row) if plain == name else _slice(row, facts)
    return _computed(name, facts) if plain == name else {}


def seen_by_torch(torch: Any, device: str, facts: Facts = Facts("")) -> Facts:
    """The facts with torch's name, capability and units: of a slice, NVML tells those of the whole card."""
    try:
        own = torch.cuda.get_device_properties(device)
        return replace(
            facts,
            name=str(own.name),
            capability=f"{int(own.major)}.{int(own.minor)}",
            sm=int(own.multi_processor_count),
        )
    except Exception:
        return facts


def node_row(context: Context) -> Mapping[str, Any]:
    """The row for a check of the whole node: the context's, else that of the first GPU's name."""
    if context.table or context.cpu:
        return context.table
    return row_for(seen_by_torch(context.torch, "cuda:0"))


def peak_tflops(row: Mapping[str, Any], kind: str = "bf16", *, mhz: Optional[float] = None) -> Optional[float]:
    """SM x FMA x 2 x clock (the boost clock unless `mhz` is given) in TFLOPS; None where it is not known."""
    if kind not in SPEED:
        return None
    if not all(row.get(key) for key in ("sm", "fma", "boost_mhz")):
        rate = row.get("tflops") if mhz is None else None
        return None if rate is None else float(rate) * SPEED[kind]
    return float(row["sm"] * row["fma"] * 2 * (mhz or row["boost_mhz"]) * SPEED[kind] / 1e6)


def peak_bandwidth(row: Mapping[str, Any]) -> Optional[float]:
    """2 x memory clock x bus / 8 in GB/s, or the published figure; None where neither is known."""
    if row.get("memory_mhz") and row.get("bus_bits"):
        return float(2 * row["memory_mhz"] * row["bus_bits"] / 8 / 1e3)
    return None if row.get("bandwidth") is None else float(row["bandwidth"])


def bandwidth_floors(row: Mapping[str, Any], *, warn: float, block: float) -> tuple[Optional[float], Optional[float]]:
    """GB/s below which to warn and to block. DCGM's floor is 0.75 of a healthy card's measurement: never above that."""
    peak = peak_bandwidth(row)
    if peak is None:
        return None, None
    measured = row.get("dcgm_bandwidth")
    if measured is None:
        return warn * peak, block * peak
    return min(warn * peak, float(measured) / 0.75), min(block * peak, float(measured))


def link_bandwidth(generation: Optional[int], width: Optional[int]) -> Optional[float]:
    """One direction of a PCIe link in GB/s: transfers x lanes x the share that is data (128 of 130 bits from 3 on)."""
    if generation not in LANE_RATE or not width:
        return None
    return LANE_RATE[generation] * width / 8 * (128 / 130 if generation >= 3 else 0.8)


def _slice(row: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """A MIG slice: its own SMs at the card's clocks. How wide its part of the memory is, it does not tell."""
    kept = {key: row[key] for key in ("name", "capability", "fma", "boost_mhz", "floor", "source")}
    return {**kept, "name": f"{row['name']} (MIG)", "sm": facts.sm, "derived": True} if facts.sm else {}


def _computed(name: str, facts: Facts) -> dict[str, Any]:
    kinds = {row["capability"]: row for row in read("gpus.json")["architectures"]}
    kind = kinds.get(facts.capability)
    row: dict[str, Any] = {"name": name, "capability": facts.capability, "derived": True, "source": "formula"}
    if kind is not None and facts.sm and facts.boost_mhz:
        fma = kind["fma"] if FULL_RATE.search(name) else kind["fma_half"]
        row.update(sm=facts.sm, fma=fma, boost_mhz=facts.boost_mhz, floor=DERIVED_FLOOR)
    if facts.memory_mhz and facts.bus_bits:
        row.update(memory_mhz=facts.memory_mhz, bus_bits=facts.bus_bits)
    return row if "sm" in row or "bus_bits" in row else {}
