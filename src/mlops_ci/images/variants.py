"""Which build of PyTorch this machine can run: the newest CUDA that its NVIDIA driver knows, else the CPU's."""

from __future__ import annotations

import re
from pathlib import Path

from mlops_ci.images.catalogue import Catalogue, load

CPU = "cpu"
AUTO = "auto"
# The kernel module itself says its version here (NVIDIA driver README, "The /proc interface").
DRIVER_FILE = Path("/proc/driver/nvidia/version")
DRIVER_VERSION = re.compile(r"Kernel Module(?: for \S+)?\s+(\d+(?:\.\d+)+)")


def resolve(name: str, gpus: int = 0, *, catalogue: Catalogue | None = None, driver_file: Path = DRIVER_FILE) -> str:
    """The variant for `[image] variant`. `gpus` is how many are asked for; 0 also stands for "as many as there are".

    `auto` gives the newest CUDA variant that this machine's driver runs, else `cpu`. Where GPUs are asked for without
    a driver here, the training runs on another machine (a CI's planning job has no GPU): the newest CUDA variant of the
    catalogue then. Raises `UnknownVariantError`.
    """
    known = catalogue or load()
    if name != AUTO:
        return known.variant(name).name
    fitting = [variant for variant in known.variants.values() if variant.cuda and variant.driver]
    driver = driver_version(driver_file)
    if driver is not None:
        fitting = [variant for variant in fitting if _numbers(variant.driver or "0") <= _numbers(driver)]
    elif gpus == 0:
        return CPU
    return max(fitting, key=lambda variant: _numbers(variant.cuda or "0")).name if fitting else CPU


def driver_version(path: Path = DRIVER_FILE) -> str | None:
    """The version of the NVIDIA driver that is loaded, such as `570.124.06`; None without one."""
    try:
        match = DRIVER_VERSION.search(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    return match[1] if match else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
