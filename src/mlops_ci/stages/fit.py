"""What plan says of the chosen build of PyTorch and the GPUs of this machine, by the tables of the health check."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_ci.engines.local_gpus import LocalGpu
from mlops_ci.guest.health.check import BLOCK
from mlops_ci.guest.health.compatibility import fitting, generation_check, has_code, runs


def misfits(torch: str, cuda: str | None, gpus: Sequence[LocalGpu], *, offered: Sequence[str]) -> list[str]:
    """Why the build does not run on these GPUs, each once, with the variant that does, of those that are `offered`.

    `cuda` None: the CPU's build.
    """
    notes: dict[str, None] = {}
    for gpu in gpus if cuda is not None else ():
        known = generation_check(gpu.driver, gpu.name, gpu.capability)
        if known.status == BLOCK:
            notes[f"{known.cause}: {known.advice[0].lower()}{known.advice[1:].rstrip('.')}"] = None
        better = fitting(torch, gpu.driver, gpu.capability, among=offered)
        advice = f"take cu{better.replace('.', '')}" if better else "no build of this torch fits"
        if not runs(cuda or "", gpu.driver):
            notes[f"driver {gpu.driver} cannot run CUDA {cuda}: {advice}, or update the driver"] = None
        elif not has_code(torch, cuda or "", gpu.capability):
            notes[f"torch {torch} with CUDA {cuda} has no code for {gpu.name}: {advice}"] = None
    return list(notes)
