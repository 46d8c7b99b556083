"""GPUs that are asked for and are not here: who sees how many, and what to do, without a job that needs them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlops_ci.engines.devices import DRIVER_FOLDER, driver_devices, listed_devices, visible_devices
from mlops_ci.errors import MlopsError
from mlops_ci.guest.health.check import BLOCK, Check, health_of, verdict_of
from mlops_ci.guest.health.driver import device_nodes
from mlops_ci.guest.health.row import Told
from mlops_ci.guest.health.variables import check_variables
from mlops_ci.guest.visible import VARIABLE
from mlops_ci.stages.host_look import examined
from mlops_ci.training.outcome import Outcome

COUNT = "gpu.count.host"
# What the examination of a node says of this machine, and not of the Python that we run in.
OF_THE_NODE = ("driver.", "gpu.", "xid.")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """How many GPUs are asked for and may be used, and how many each source shows; None where it cannot be asked."""

    wanted: int
    usable: int
    sources: Mapping[str, int | None]
    shown: str | None = None


def outcome_of(wanted: int) -> Outcome:
    """What the health check finds on a machine that has fewer GPUs than that: always a failure."""
    told = examined(wanted)
    checks = [
        count_check(seen_here(wanted, told)),
        *(one for one in check_variables(os.environ, gpus=wanted) if one.status == BLOCK),
        *(one for one in told.checks if one.id.startswith(OF_THE_NODE)),
    ]
    return _outcome(checks, wanted)


def refused(error: MlopsError, name: str, wanted: int) -> Outcome:
    """An engine that would not give the job its GPUs, as a finding of that name."""
    return _outcome([Check(name, BLOCK, cause=error.cause, advice=error.hint)], wanted)


def _outcome(checks: Sequence[Check], wanted: int) -> Outcome:
    verdict = verdict_of(checks)
    return Outcome(
        class_=verdict.name,
        exit_code=verdict.exit_code,
        cause=verdict.cause,
        hint=verdict.hint,
        seconds=0.0,
        checks=tuple(one.as_json() for one in checks),
        verdict=health_of(checks, gpus=wanted),
    )


def seen_here(wanted: int, told: Told) -> Seen:
    """All sources of this machine. Torch is none: nothing was started that has one."""
    listed, nvml = listed_devices(), told.facts.get("listed")
    sources = {
        "nvidia-smi -L": None if listed is None else len(listed),
        "the driver's library": None if nvml is None else int(nvml),
        "device nodes (/dev/nvidia0 ...)": device_nodes(),
        "/proc/driver/nvidia/gpus": len(driver_devices(DRIVER_FOLDER)),
    }
    usable = len(visible_devices(os.environ))
    return Seen(wanted=wanted, usable=usable, sources=sources, shown=os.environ.get(VARIABLE))


def count_check(seen: Seen) -> Check:
    """The finding, with its likeliest cause and the next step."""
    told = ", ".join(
        f"{name} {'does not answer' if count is None else f'shows {count}'}" for name, count in seen.sources.items()
    )
    hidden = "" if seen.shown is None else f"; {VARIABLE}={seen.shown!r} leaves {seen.usable}"
    are = "GPU is" if seen.wanted == 1 else "GPUs are"
    cause = f"{seen.wanted} {are} asked for, and this machine has {seen.usable} to give: {told}{hidden}"
    advice, node = _advice(seen, [count or 0 for count in seen.sources.values()])
    return Check(COUNT, BLOCK, seen.usable, seen.wanted, "GPUs", cause, advice, node=node)


def _advice(seen: Seen, counts: Sequence[int]) -> tuple[str, bool]:
    driver, nodes = max(counts[:2]), max(counts)
    if seen.shown is not None and driver >= seen.wanted:
        return f"Set {VARIABLE} on this runner to what the job may use, or unset it.", False
    if nodes == 0:
        where = "Choose a runner that has GPUs ([runners] gpu), or install the NVIDIA driver on this one"
        return f"{where}; a job without a GPU says [train] gpus = 0.", False
    if nodes > driver:
        return (
            "Run on another node; reboot this one, and have card, slot and power looked at if that does not help.",
            True,
        )
    fewer = f"Ask for {driver} ([train] gpus, [verify] min-gpus)"
    return f"{fewer}, or choose a runner that has {seen.wanted} ([runners] gpu).", False
