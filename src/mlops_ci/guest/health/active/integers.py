"""Sorting, running sums and atomic additions of integers: units that products do not use. Zero tolerance."""

from __future__ import annotations

from typing import Any

from mlops_ci.guest.health.active.context import Context
from mlops_ci.guest.health.active.exact import ADVICE
from mlops_ci.guest.health.active.guard import guarded
from mlops_ci.guest.health.check import BLOCK, PASS, Check

GPU_COUNT, CPU_COUNT = 2**22, 2**16
BINS = 1024


def run(context: Context) -> list[Check]:
    """`numerics.integers`: wrong elements of a sort, a running sum and a histogram by atomic additions."""
    name = f"numerics.integers.{context.device}"
    return guarded(name, lambda: _integers(context, name))


def _integers(context: Context, name: str) -> Check:
    torch, count = context.torch, context.by_device(gpu=GPU_COUNT, cpu=CPU_COUNT)
    shuffled = torch.randperm(count, generator=context.generator(9))
    there = shuffled.to(context.device)
    places, ones = there % BINS, torch.ones(count, dtype=torch.int64, device=context.device)
    counted = torch.zeros(BINS, dtype=torch.int64, device=context.device).scatter_add_(0, places, ones)
    # Each result is known without computing it: the numbers are 0 to count - 1, in another order.
    results: dict[str, tuple[Any, Any]] = {
        "sort": (torch.sort(there).values, torch.arange(count)),
        "running-sum": (torch.cumsum(ones, dim=0), torch.arange(1, count + 1)),
        "histogram": (counted, torch.full((BINS,), count // BINS)),
    }
    wrong = []
    for part, (result, expected) in results.items():
        got = context.faults(f"integers.{part}", result).cpu()
        wrong += [(part, int(place)) for place in torch.nonzero(got != expected).flatten().tolist()]
    if not wrong:
        return Check(name, PASS, 0, 0, "wrong elements")
    shown = ", ".join(f"{part} [{place}]" for part, place in wrong[:4])
    cause = f"{len(wrong)} wrong integers, at {shown}"
    return Check(name, BLOCK, len(wrong), 0, "wrong elements", cause, ADVICE, node=True)
