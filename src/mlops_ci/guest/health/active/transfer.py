"""How fast and how faithfully data goes between the host's pinned memory and the device."""

from __future__ import annotations

from functools import partial
from typing import Any, Optional

from mlops_ci.guest.health.active import judge
from mlops_ci.guest.health.active.context import Context
from mlops_ci.guest.health.active.guard import SICK, guarded_all
from mlops_ci.guest.health.active.reference import link_bandwidth
from mlops_ci.guest.health.active.sensor import Reading
from mlops_ci.guest.health.active.timing import median, samples
from mlops_ci.guest.health.check import BLOCK, Check

BYTES = 2**28
CPU_BYTES = 2**24
SECONDS = 0.3
CPU_SECONDS = 0.05


def run(context: Context) -> list[Check]:
    """`transfer.h2d` and `transfer.d2h` in GB/s against the PCIe link as it is while the data moves."""
    return guarded_all(f"transfer.{context.device}", lambda: _both(context))


def _both(context: Context) -> list[Check]:
    torch, count = context.torch, context.by_device(gpu=BYTES, cpu=CPU_BYTES) // 8
    host = torch.randint(-(2**62), 2**62, (count,), generator=context.generator(10))
    back = torch.empty_like(host)
    if not context.cpu:
        host, back = host.pin_memory(), back.pin_memory()
    there = torch.empty(count, dtype=torch.int64, device=context.device)
    links: list[Reading] = []
    look = partial(_look, context, links)
    seconds = context.by_device(gpu=SECONDS, cpu=CPU_SECONDS)
    ways = {"h2d": (there, host), "d2h": (back, there)}
    taken = {}
    for way, (target, source) in ways.items():
        action = partial(_move, context, way, target, source)
        taken[way] = samples(context, action, seconds=seconds, between=look)
    if not torch.equal(host, back):
        wrong = int((host != back).sum())
        cause = f"{wrong} of {count} words differ after the way to the device and back"
        return [Check(f"transfer.data.{context.device}", BLOCK, wrong, 0, "wrong words", cause, SICK, node=True)]
    link = _link(context, links)
    return [judged(context, way, count * 8 / median(times) / 1e9, link) for way, times in taken.items()]


def _move(context: Context, way: str, target: Any, source: Any) -> Any:
    return context.faults(way, target.copy_(source, non_blocking=True))


def _look(context: Context, links: list[Reading]) -> None:
    if context.sensor is not None and len(links) < 2:
        links.append(context.sensor())


def _link(context: Context, links: list[Reading]) -> tuple[Optional[int], Optional[int]]:
    """Generation and width under load; the model's own at 16 lanes where NVML does not tell."""
    for reading in reversed(links):
        if reading.pcie_generation and reading.pcie_width:
            return reading.pcie_generation, reading.pcie_width
    return context.table.get("pcie_generation"), 16


def judged(context: Context, way: str, reached: float, link: tuple[Optional[int], Optional[int]]) -> Check:
    """The rate of one way against the link (generation, width)."""
    usable = None if context.cpu else link_bandwidth(*link)
    warn = None if usable is None else context.limit("transfer.warn") * usable
    block = None if usable is None else context.limit("transfer.block") * usable
    of_link = "" if usable is None else f", {reached / usable:.0%} of PCIe {link[0]} x{link[1]} ({usable:.1f} GB/s)"
    cause = f"{'host to device' if way == 'h2d' else 'device to host'} moves {reached:.4g} GB/s{of_link}"
    advice = "Look at the slot, the riser and the IOMMU of this node, and at other jobs that use the same link."
    name = f"transfer.{way}.{context.device}"
    return judge.rate(name, reached, "GB/s", warn=warn, block=block, cause=cause, advice=advice)
