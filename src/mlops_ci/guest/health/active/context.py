"""What an active check is, and what it is given."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from mlops_ci.guest.health.active.costs import CPU, GPU, NEEDS, NODE, SEVERAL, applies
from mlops_ci.guest.health.active.limits import DEFAULTS
from mlops_ci.guest.health.active.sensor import Reading
from mlops_ci.guest.health.check import Check

__all__ = ["CPU", "GPU", "NEEDS", "NODE", "SEVERAL", "ActiveCheck", "Context", "Hook", "applies", "untouched"]

SEED = 20260101

Hook = Callable[[str, Any], Any]
"""Gets the name of a step and its result on the device, and gives the result that counts. Tests put faults here."""


def untouched(_step: str, value: Any) -> Any:
    """No fault: the result as it is."""
    return value


@dataclass(frozen=True)
class Context:
    """`budget` is how many seconds the check may use; `table` the GPU's row of the reference (empty: none known).

    `limits` are values that the configuration sets; the others are in `limits.json`. `sensor` reads clocks and
    throttle reasons while the device works; None where there is no NVML.
    """

    torch: Any
    device: str
    budget: float
    seed: int = SEED
    limits: Mapping[str, float] = field(default_factory=dict)
    table: Mapping[str, Any] = field(default_factory=dict)
    faults: Hook = untouched
    sensor: Optional[Callable[[], Reading]] = None
    started: float = field(default_factory=time.monotonic)

    def limit(self, name: str) -> float:
        """The value of a limit: the configuration's, else ours."""
        return float(self.limits.get(name, DEFAULTS[name]))

    def left(self) -> float:
        """Seconds left of the budget."""
        return max(0.0, self.started + self.budget - time.monotonic())

    @property
    def cpu(self) -> bool:
        """Whether the device under test is the CPU."""
        return self.device == "cpu"

    def by_device(self, *, gpu: Any, cpu: Any) -> Any:
        """One of two sizes: a CPU does in a second what a GPU does in a millisecond."""
        return cpu if self.cpu else gpu

    def sync(self) -> None:
        """Wait until the device has done what it was given."""
        if not self.cpu:
            self.torch.cuda.synchronize(self.device)

    def generator(self, offset: int = 0) -> Any:
        """Random numbers of the CPU, the same on every machine."""
        return self.torch.Generator(device="cpu").manual_seed(self.seed + offset)


@dataclass(frozen=True)
class ActiveCheck:
    """`seconds` is what it costs on a GPU (on a CPU: `cpu_seconds`), `level` the smallest budget that holds it.

    `needs` are words of `NEEDS`: what must be there, and whether it runs once per device or once per node.
    """

    id: str
    seconds: float
    level: int
    run: Callable[[Context], list[Check]]
    needs: tuple[str, ...] = ()
    cpu_seconds: float = 0.5
