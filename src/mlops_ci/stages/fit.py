"""What plan says of the chosen build of PyTorch and the GPUs of this machine, by the tables of the health check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_ci import process
from mlops_ci.guest.health.compatibility import fitting, has_code, numbers, runs

PATIENCE = 10.0
QUERY = ["nvidia-smi", "--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader"]


@dataclass(frozen=True, kw_only=True)
class LocalGpu:
    """A GPU of this machine, as its driver tells."""

    name: str
    capability: tuple[int, int]
    driver: str


def local_gpus() -> tuple[LocalGpu, ...]:
    """The GPUs of this machine; none where nobody can tell."""
    try:
        answer = process.run(QUERY, timeout=PATIENCE, check=False)
    except process.ProgramMissingError:
        return ()
    return read_gpus(answer.stdout) if answer.exit_code == 0 else ()


def read_gpus(text: str) -> tuple[LocalGpu, ...]:
    """The GPUs in nvidia-smi's answer; a line that is damaged is no GPU."""
    found = []
    for line in text.splitlines():
        parts = [part.strip() for part in line.split(",")]
        capability = numbers(parts[1]) if len(parts) == 3 else ()
        if len(parts) == 3 and len(capability) == 2 and numbers(parts[2]):
            found.append(LocalGpu(name=parts[0], capability=(capability[0], capability[1]), driver=parts[2]))
    return tuple(found)


def misfits(torch: str, cuda: str | None, gpus: Sequence[LocalGpu]) -> list[str]:
    """Why the build does not run on these GPUs, each once, with the variant that does. `cuda` None: the CPU's build."""
    notes: dict[str, None] = {}
    for gpu in gpus if cuda is not None else ():
        better = fitting(torch, gpu.driver, gpu.capability)
        advice = f"take cu{better.replace('.', '')}" if better else "no build of this torch fits"
        if not runs(cuda or "", gpu.driver):
            notes[f"driver {gpu.driver} cannot run CUDA {cuda}: {advice}, or update the driver"] = None
        elif not has_code(torch, cuda or "", gpu.capability):
            notes[f"torch {torch} with CUDA {cuda} has no code for {gpu.name}: {advice}"] = None
    return list(notes)
