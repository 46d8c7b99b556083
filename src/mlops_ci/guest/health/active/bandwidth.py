"""How fast the device's memory is copied within the device, against 2 x memory clock x bus / 8."""

from __future__ import annotations

from mlops_ci.guest.health.active import judge
from mlops_ci.guest.health.active.context import Context
from mlops_ci.guest.health.active.guard import SICK, guarded
from mlops_ci.guest.health.active.reference import bandwidth_floors, peak_bandwidth
from mlops_ci.guest.health.active.timing import median, samples
from mlops_ci.guest.health.check import BLOCK, Check

GPU_BYTES, CPU_BYTES = 2**30, 2**26
"""A GPU's is at least four times its largest L2."""

GPU_SECONDS, CPU_SECONDS = 0.6, 0.25


def run(context: Context) -> list[Check]:
    """`memory.bandwidth` in GB/s: two bytes move for each that is copied."""
    name = f"memory.bandwidth.{context.device}"
    return guarded(name, lambda: _copy(context, name))


def _copy(context: Context, name: str) -> Check:
    torch, count = context.torch, context.by_device(gpu=GPU_BYTES, cpu=CPU_BYTES) // 8
    source = torch.arange(count, dtype=torch.int64, device=context.device)
    target = torch.empty_like(source)
    taken = samples(
        context,
        lambda: context.faults("bandwidth", target.copy_(source)),
        seconds=context.by_device(gpu=GPU_SECONDS, cpu=CPU_SECONDS),
    )
    if not torch.equal(source, target):
        cause = "a copy within the device's memory differs from what was copied"
        return Check(name, BLOCK, cause=cause, advice=SICK, node=True)
    reached = 2 * count * 8 / median(taken) / 1e9
    peak = peak_bandwidth(context.table)
    warn, block = bandwidth_floors(
        context.table, warn=context.limit("bandwidth.warn"), block=context.limit("bandwidth.block")
    )
    if context.table.get("derived"):
        block = None
    of_peak = "" if peak is None else f", {reached / peak:.0%} of {peak:.0f} GB/s ({context.table['name']})"
    cause = f"the memory copies {reached:.4g} GB/s{of_peak}"
    advice = "Look at the memory clock (a lock, heat) and at the row remapping of this GPU, or run on another node."
    check = judge.rate(name, reached, "GB/s", warn=warn, block=block, cause=cause, advice=advice)
    return judge.alone(check, cpu=context.cpu) if peak is None else check
