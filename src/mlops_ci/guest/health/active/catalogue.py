"""All active checks, with what each costs."""

from __future__ import annotations

from mlops_ci.guest.health.active import (
    attention,
    bandwidth,
    collective,
    convolution,
    device,
    exact,
    floats,
    integers,
    matmul,
    pattern,
    peer_copies,
    repeat,
    transfer,
)
from mlops_ci.guest.health.active.context import ActiveCheck
from mlops_ci.guest.health.active.costs import COSTS

RUNS = {
    "device.context": device.run,
    "memory.pattern": pattern.run,
    "memory.bandwidth": bandwidth.run,
    "transfer": transfer.run,
    "matmul": matmul.run,
    "numerics.exact": exact.run,
    "numerics.repeat": repeat.run,
    "numerics.reference": floats.run,
    "numerics.convolution": convolution.run,
    "numerics.attention": attention.run,
    "numerics.integers": integers.run,
    "peer": peer_copies.run,
    "allreduce": collective.run,
    "allreduce.processes": collective.run,
}

CHECKS: tuple[ActiveCheck, ...] = tuple(
    ActiveCheck(one.id, one.seconds, one.level, RUNS[one.id], one.needs, one.cpu_seconds) for one in COSTS
)
