"""What each active check costs and needs, in the order in which they run: numerics after the long products, while the
device is hot. Who plans the time reads this without loading the checks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

GPU, SEVERAL, CPU, NODE = "gpu", "several-gpus", "cpu", "node"
NEEDS = {
    GPU: "a GPU: on a CPU there is nothing to observe",
    SEVERAL: "at least two GPUs",
    CPU: "the CPU as the device",
    NODE: "runs once per node, after the devices' own checks, with no other check beside it",
}


class Needy(Protocol):
    """A check, or its cost."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Words of `NEEDS`."""


def applies(check: Needy, *, gpus: int) -> bool:
    """Whether the check says something on a node with so many GPUs (0: the CPU is the device)."""
    wants = check.needs
    return not ((GPU in wants and gpus < 1) or (SEVERAL in wants and gpus < 2) or (CPU in wants and gpus > 0))


@dataclass(frozen=True)
class Cost:
    """`seconds` on a GPU (on a CPU: `cpu_seconds`), and `level`, the smallest budget that holds the check."""

    id: str
    seconds: float
    level: int
    needs: tuple[str, ...] = ()
    cpu_seconds: float = 0.5


COSTS: tuple[Cost, ...] = (
    Cost("device.context", 2, 15, cpu_seconds=0.1),
    Cost("memory.pattern", 2, 60, cpu_seconds=0.3),
    Cost("memory.bandwidth", 1, 60, cpu_seconds=0.4),
    Cost("transfer", 1, 60, (GPU,)),
    Cost("matmul", 14, 60, cpu_seconds=0.7),
    Cost("numerics.exact", 4, 15, cpu_seconds=0.6),
    Cost("numerics.repeat", 1, 15, cpu_seconds=0.1),
    Cost("numerics.reference", 2, 60, cpu_seconds=0.2),
    Cost("numerics.convolution", 1, 60, cpu_seconds=0.2),
    Cost("numerics.attention", 1, 60, cpu_seconds=0.3),
    Cost("numerics.integers", 0.5, 60, cpu_seconds=0.1),
    Cost(
        "peer",
        5,
        60,
        (
            SEVERAL,
            NODE,
        ),
    ),
    Cost(
        "allreduce",
        10,
        60,
        (
            SEVERAL,
            NODE,
        ),
    ),
    # Two processes on the CPU disturb nothing, and as forks of the device's own process they need not import torch.
    Cost("allreduce.processes", 1, 60, (CPU,), cpu_seconds=1),
)
