"""The GPUs of this machine, as the driver's own program tells."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_ci.engines import nvidia_smi
from mlops_ci.guest.health.compatibility import numbers

QUERY = ("--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader")


@dataclass(frozen=True, kw_only=True)
class LocalGpu:
    """A GPU of this machine, as its driver tells."""

    name: str
    capability: tuple[int, int]
    driver: str

    @property
    def shown(self) -> str:
        """Its compute capability, such as 9.0."""
        return f"{self.capability[0]}.{self.capability[1]}"


def local_gpus() -> tuple[LocalGpu, ...]:
    """The GPUs of this machine; none where nobody can tell."""
    return read_gpus(nvidia_smi.ask(*QUERY) or "")


def read_gpus(text: str) -> tuple[LocalGpu, ...]:
    """The GPUs in nvidia-smi's answer; a line that is damaged is no GPU."""
    found = []
    for line in text.splitlines():
        parts = [part.strip() for part in line.split(",")]
        capability = numbers(parts[1]) if len(parts) == 3 else ()
        if len(parts) == 3 and len(capability) == 2 and numbers(parts[2]):
            found.append(LocalGpu(name=parts[0], capability=(capability[0], capability[1]), driver=parts[2]))
    return tuple(found)
