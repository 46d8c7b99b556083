"""Copies between each pair of GPUs, in both directions: every byte is compared, and the slowest pair is named."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlops_ci.guest.health.active import judge
from mlops_ci.guest.health.active.context import Context
from mlops_ci.guest.health.active.guard import SICK, guarded_all
from mlops_ci.guest.health.active.reference import node_row
from mlops_ci.guest.health.check import BLOCK, PASS, SKIP, Check

GPU_BYTES, CPU_BYTES = 2**28, 2**20
TIMES = 3
FACTOR = 0x9E3779B1
"""Odd, so that its multiples take every value: each word of the data is another one."""


@dataclass(frozen=True)
class Pair:
    """What a copy from one device to another showed; `direct` is False where it went through the host."""

    source: str
    target: str
    wrong: int
    gigabytes_per_second: float
    direct: bool


def run(context: Context) -> list[Check]:
    """`peer.copy` and `peer.bandwidth` over all GPUs that torch sees."""
    devices = [f"cuda:{index}" for index in range(context.torch.cuda.device_count())]
    return guarded_all("peer.copy.node", lambda: judged(context, matrix(context, devices)))


def matrix(context: Context, devices: Sequence[str]) -> list[Pair]:
    """Each pair in each direction, as far as the budget goes."""
    pairs = []
    for first, source in enumerate(devices):
        for second, target in enumerate(devices):
            if first != second and context.left() > 0:
                pairs.append(_copy(context, source, target))
    return pairs


def judged(context: Context, pairs: Sequence[Pair]) -> list[Check]:
    """The checks over all pairs."""
    if not pairs:
        return [Check("peer.copy.node", SKIP, cause="no pair of GPUs was reached")]
    broken = [pair for pair in pairs if pair.wrong]
    if broken:
        shown = ", ".join(f"{pair.source} to {pair.target} ({pair.wrong} words)" for pair in broken[:8])
        cause = f"copies between GPUs arrive changed: {shown}"
        return [Check("peer.copy.node", BLOCK, len(broken), 0, "broken pairs", cause, SICK, node=True)]
    slowest = min(pairs, key=lambda pair: pair.gigabytes_per_second)
    direct = sum(pair.direct for pair in pairs)
    nvlink = node_row(context).get("nvlink") if direct == len(pairs) else None
    warn = None if nvlink is None else context.limit("copies.warn") * float(nvlink)
    cause = f"{slowest.source} to {slowest.target} copies {slowest.gigabytes_per_second:.4g} GB/s"
    advice = "Look at the links between the GPUs (NVLink state, switches, PCIe access control)."
    return [
        Check(
            "peer.copy.node",
            PASS,
            0,
            0,
            f"broken pairs of {len(pairs)}, {direct} of them direct",
            evidence=table(pairs),
        ),
        judge.rate(
            "peer.bandwidth.node",
            slowest.gigabytes_per_second,
            "GB/s",
            warn=warn,
            block=None,
            cause=cause,
            advice=advice,
        ),
    ]


def table(pairs: Sequence[Pair]) -> str:
    """The matrix in words: for each GPU, how fast it copies to each other one."""
    rows = {pair.source: "" for pair in pairs}
    for pair in pairs:
        mark = "" if pair.direct else " (through the host)"
        rows[pair.source] += f" {pair.target.rpartition(':')[2]}={pair.gigabytes_per_second:.4g}{mark}"
    return "GB/s " + "; ".join(f"{source} to{row}" for source, row in rows.items())


def _copy(context: Context, source: str, target: str) -> Pair:
    torch, count = context.torch, context.by_device(gpu=GPU_BYTES, cpu=CPU_BYTES) // 8
    sent = torch.arange(count, dtype=torch.int64, device=source) * FACTOR
    arrived = torch.empty(count, dtype=torch.int64, device=target)
    best = float("inf")
    for _ in range(TIMES):
        _sync(torch, source, target)
        started = time.perf_counter()
        arrived.copy_(sent, non_blocking=True)
        _sync(torch, source, target)
        best = min(best, time.perf_counter() - started)
    arrived = context.faults(f"peer.{source}.{target}", arrived)
    # What should be there is made on the target itself: nothing of it went the same way.
    wrong = int((arrived != torch.arange(count, dtype=torch.int64, device=target) * FACTOR).sum())
    return Pair(source, target, wrong, count * 8 / best / 1e9, _direct(torch, source, target))


def _direct(torch: Any, source: str, target: str) -> bool:
    return source != "cpu" and bool(torch.cuda.can_device_access_peer(source, target))


def _sync(torch: Any, *devices: str) -> None:
    for device in devices:
        if device != "cpu":
            torch.cuda.synchronize(device)
