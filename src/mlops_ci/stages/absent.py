"""GPUs that are asked for and are not here: who sees how many, and what to do, without a job that needs them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import mlops_ci
from mlops_ci import process
from mlops_ci.engines.devices import DRIVER_FOLDER, driver_devices, listed_devices, visible_devices
from mlops_ci.guest.health.check import BLOCK, SKIP, Check, health_of, verdict_of
from mlops_ci.guest.health.driver import device_nodes
from mlops_ci.guest.health.row import Told, read
from mlops_ci.guest.health.variables import check_variables
from mlops_ci.guest.visible import VARIABLE
from mlops_ci.training.outcome import Outcome

PATIENCE = 10.0
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


def kernel_log(devices: Sequence[str]) -> Check | None:
    """What this machine's kernel log says of these GPUs, which a container cannot read; None where nobody can."""
    told = examined(len(devices), {VARIABLE: ",".join(devices)})
    return next((one for one in told.checks if one.id == "xid.history" and one.status != SKIP), None)


def examined(wanted: int, variables: Mapping[str, str] | None = None) -> Told:
    """What the guest's own examination of a node says on this machine, in a process that is ended where it hangs."""
    place = str(Path(mlops_ci.__file__).parents[1])
    paths = os.pathsep.join(filter(None, [place, os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, **(variables or {}), "PYTHONPATH": paths}
    argv = [sys.executable, "-m", "mlops_ci.guest", "probe", "node", str(wanted)]
    return read(process.run(argv, environment=environment, timeout=PATIENCE, check=False).stdout.splitlines())


def seen_here(wanted: int, told: Told) -> Seen:
    """All sources of this machine. Torch is none: nothing was started that has one."""
    listed, nvml = listed_devices(patience=PATIENCE), told.facts.get("listed")
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
    return Check("gpu.count.host", BLOCK, seen.usable, seen.wanted, "GPUs", cause, advice, node=node)


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
