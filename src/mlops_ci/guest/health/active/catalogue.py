"""All active checks, in the order in which they run: numerics after the long products, while the device is hot."""

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
from mlops_ci.guest.health.active.context import CPU, GPU, NODE, SEVERAL, ActiveCheck

CHECKS: tuple[ActiveCheck, ...] = (
    ActiveCheck("device.context", 2, 15, device.run, cpu_seconds=0.1),
    ActiveCheck("memory.pattern", 2, 60, pattern.run, cpu_seconds=0.3),
    ActiveCheck("memory.bandwidth", 1, 60, bandwidth.run, cpu_seconds=0.4),
    ActiveCheck("transfer", 1, 60, transfer.run, (GPU,)),
    ActiveCheck("matmul", 14, 60, matmul.run, cpu_seconds=0.7),
    ActiveCheck("numerics.exact", 4, 15, exact.run, cpu_seconds=0.6),
    ActiveCheck("numerics.repeat", 1, 15, repeat.run, cpu_seconds=0.1),
    ActiveCheck("numerics.reference", 2, 60, floats.run, cpu_seconds=0.2),
    ActiveCheck("numerics.convolution", 1, 60, convolution.run, cpu_seconds=0.2),
    ActiveCheck("numerics.attention", 1, 60, attention.run, cpu_seconds=0.3),
    ActiveCheck("numerics.integers", 0.5, 60, integers.run, cpu_seconds=0.1),
    ActiveCheck("peer", 5, 60, peer_copies.run, (SEVERAL, NODE)),
    ActiveCheck("allreduce", 10, 60, collective.run, (SEVERAL, NODE)),
    # Two processes on the CPU disturb nothing, and as forks of the device's own process they need not import torch.
    ActiveCheck("allreduce.processes", 1, 60, collective.run, (CPU,), cpu_seconds=1),
)
