"""Which build of PyTorch this machine can run: the newest CUDA that its NVIDIA driver knows, else the CPU's."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from mlops_ci.engines.local_gpus import LocalGpu, local_gpus
from mlops_ci.guest.health.compatibility import newest, runs
from mlops_ci.images.catalogue import CPU, Catalogue, ImpossibleVariantError, Variant, load, numbers
from mlops_ci.settings.image import ImageSettings

AUTO = "auto"
# The kernel module itself says its version here (NVIDIA driver README, "The /proc interface").
DRIVER_FILE = Path("/proc/driver/nvidia/version")
DRIVER_VERSION = re.compile(r"Kernel Module(?: for \S+)?\s+(\d+(?:\.\d+)+)")


def resolve(
    image: ImageSettings,
    gpus: int = 0,
    *,
    catalogue: Catalogue | None = None,
    driver_file: Path = DRIVER_FILE,
    here: Callable[[], Sequence[LocalGpu]] = local_gpus,
) -> str:
    """The build for `[image] torch` and `variant`. `gpus` is how many are asked for; 0 also means "all that are here".

    `auto` gives the newest CUDA that the driver runs and whose build has code for the GPUs by the health check's table,
    else `cpu`: this machine's, or those that `[image] driver` and `sm` name. Where GPUs are asked for and no driver is
    known, the training runs on another machine (a CI's planning job has no GPU): the newest CUDA of the series then.
    Raises `UnknownVariantError`, `ImpossibleVariantError`.
    """
    known = catalogue or load()
    release = known.release(image.torch)
    if image.variant != AUTO:
        chosen = known.variant(release.series, image.variant)
        _check_gpus(known, chosen, image.sm)
        _check_driver(known, chosen, image.driver)
        return chosen.name
    builds = [one for one in known.of(release).values() if one.cuda and not one.pending]
    fitting = [one for one in builds if all(one.runs_on(capability) for capability in image.sm)]
    if image.sm and not fitting:
        raise ImpossibleVariantError(
            f"no build of PyTorch {release.series} that can be made here has code for {_names(image.sm)}",
            hint=_advice(known, image.sm),
        )
    driver = image.driver or driver_version(driver_file)
    if driver is None and gpus == 0 and not image.sm:
        return CPU
    if driver is not None and not image.sm and not image.driver:
        # Where none fits, plan says so with what would: nothing is silently computed on the CPU.
        fitting = [one for one in builds if all(one.runs_on(gpu.shown) for gpu in here())] or builds
    found = newest([one.cuda.version for one in fitting if one.cuda], driver or "")
    return next((one.name for one in fitting if one.cuda and one.cuda.version == found), CPU)


def driver_version(path: Path = DRIVER_FILE) -> str | None:
    """The version of the NVIDIA driver that is loaded, such as `570.124.06`; None without one."""
    try:
        match = DRIVER_VERSION.search(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    return match[1] if match else None


def _check_gpus(known: Catalogue, chosen: Variant, capabilities: tuple[str, ...]) -> None:
    """Raises `ImpossibleVariantError` for GPUs that a build has no code for."""
    missing = tuple(one for one in capabilities if not chosen.runs_on(one))
    if not missing:
        return
    holds = f"only for {_names(chosen.sm)}" if chosen.sm else "for the CPU alone"
    raise ImpossibleVariantError(
        f"PyTorch {chosen.release.series} for {chosen.name} has no code for {_names(missing)}: it was built {holds}",
        hint=_advice(known, missing),
    )


def _check_driver(known: Catalogue, chosen: Variant, driver: str | None) -> None:
    """Raises `ImpossibleVariantError` for a driver that the settings name and that does not run a build."""
    if driver is None or chosen.cuda is None or runs(chosen.cuda.version, driver):
        return
    offered = [one.cuda.version for one in known.of(chosen.release).values() if one.cuda and not one.pending]
    better = newest(offered, driver)
    take = f"use `cu{better.replace('.', '')}`, or update" if better else "update"
    raise ImpossibleVariantError(
        f"[image] driver {driver} cannot run {chosen.name}: CUDA {chosen.cuda.version} needs {chosen.cuda.minimum}",
        hint=f"{take} the driver of those runners",
    )


def _advice(known: Catalogue, capabilities: tuple[str, ...]) -> str:
    """Which builds of the catalogue have code for these GPUs."""
    fitting = [one for one in known.variants.values() if all(one.runs_on(capability) for capability in capabilities)]
    if not fitting:
        return "no build of the catalogue has; correct [image] sm"
    shown = ", ".join(f"{one.release.series} {one.name}" for one in sorted(fitting, key=_age, reverse=True))
    least = min(fitting, key=lambda one: numbers(one.cuda.version) if one.cuda else ())
    return f"{_names(capabilities)} needs {least.name} or newer; these have it: {shown}"


def _age(variant: Variant) -> tuple[int, ...]:
    return numbers(variant.release.series)


def _names(capabilities: tuple[str, ...]) -> str:
    return ", ".join(f"sm_{one.replace('.', '')}" for one in capabilities)
