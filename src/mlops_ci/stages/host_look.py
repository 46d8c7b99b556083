"""The half of verify that no container can see: driver, container runtime, device nodes, kernel log, /dev/shm, limits.

A finding of it is no finding where the job has its GPUs all the same: then this process does not see the machine that
the engine runs on, as within a container that was given the engine's socket.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlops_ci
from mlops_ci import process
from mlops_ci.engines import nvidia_smi
from mlops_ci.engines.docker_socket import DockerSocket
from mlops_ci.engines.gpu_runtime import GpuRuntime, gpu_runtime
from mlops_ci.errors import MlopsError
from mlops_ci.guest.health import xid
from mlops_ci.guest.health.check import BLOCK, PASS, SKIP, WARN, Check
from mlops_ci.guest.health.driver import device_nodes
from mlops_ci.guest.health.row import Told, read
from mlops_ci.stages.host_limits import limits_check, shm_check

REBOOT = "Let no job start here, and reboot this node."
PATIENCE = 4.0
ASKED = 2.0
LEAST = 2.0
"""Seconds that the job has in any case."""

CONTROL = ("nvidiactl", "nvidia-uvm")
DEV = Path("/dev")
CONTRADICTED = ("host.driver", "host.runtime", "host.devices.control")
ELSEWHERE = "the job has its GPUs: this process does not see the machine that the engine runs on"
TOOLKIT = (
    "Install NVIDIA Container Toolkit, run `nvidia-ctk runtime configure --runtime=docker` and restart Docker; or "
    "describe the GPUs for CDI: `nvidia-ctk cdi generate`."
)


def rest_of(budget: float, since: float) -> float:
    """What is left of a budget for the job itself, when the host has been looked at since then (monotonic time)."""
    return max(LEAST, budget - (time.monotonic() - since))


@dataclass(frozen=True, kw_only=True)
class HostLook:
    """What the host showed before the job: `checks`, and the PCI address of each GPU by its UUID (and its parts')."""

    checks: tuple[Check, ...]
    buses: Mapping[str, str]

    def after(self, devices: Sequence[str], read_log: Callable[[], Any] = xid.read_log) -> tuple[Check, ...]:
        """The checks for a job that had these GPUs, with the kernel's log read for them (without a job's: for all)."""
        works = bool(devices)
        lines, why = read_log()
        buses = [self.buses[one] for one in devices or self.buses if one in self.buses]
        # Without an address every report would count, those of other jobs' GPUs too.
        log = xid.history(lines, why, buses) if buses or not works else Check("xid.history", SKIP, cause=ELSEWHERE)
        return (*(excused(one) if works else one for one in self.checks), log)


def excused(check: Check) -> Check:
    """The same as no finding, where it is contradicted by a job that has its GPUs."""
    if check.status not in (WARN, BLOCK) or check.id not in CONTRADICTED:
        return check
    return replace(check, status=SKIP, cause=f"{check.cause}; {ELSEWHERE}", advice="", node=False)


def look(wanted: int) -> HostLook:
    """Look at this machine, in some seconds at most, whatever hangs."""
    told = examined(wanted)
    present = driver_check(told)
    checks = (
        present,
        *devices_checks(told, present),
        runtime_check(_runtime(), device_nodes() + int(told.facts.get("listed") or 0)),
        shm_check(),
        limits_check(),
    )
    return HostLook(checks=checks, buses=_buses(told))


def examined(wanted: int, variables: Mapping[str, str] | None = None, *, patience: float = PATIENCE) -> Told:
    """What the guest's own examination of a node says on this machine, in a process that is ended where it hangs."""
    place = str(Path(mlops_ci.__file__).parents[1])
    paths = os.pathsep.join(filter(None, [place, os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, **(variables or {}), "PYTHONPATH": paths}
    argv = [sys.executable, "-m", "mlops_ci.guest", "probe", "node", str(wanted)]
    done = process.run(argv, environment=environment, timeout=patience, grace=0.5, check=False)
    return read(done.stdout.splitlines())


def driver_check(told: Told) -> Check:
    """The driver, asked on the host."""
    found = next((one for one in told.checks if one.id == "driver.present"), None)
    if found is not None and found.status != PASS and found.value == 0:
        advice = "Install NVIDIA's driver on this machine, or choose a runner that has GPUs ([runners] gpu)."
        return replace(found, id="host.driver", cause="this machine has no NVIDIA driver", advice=advice)
    if found is not None:
        return replace(found, id="host.driver")
    cause = f"the driver of this machine did not answer within {PATIENCE:.0f} s, during: {told.step}"
    return Check("host.driver", BLOCK, cause=cause, advice=REBOOT, node=True)


def devices_checks(told: Told, driver: Check, dev: Path = DEV) -> Iterator[Check]:
    """The device nodes against the driver's GPUs, and those without which CUDA cannot start."""
    nodes, listed = device_nodes(dev), told.facts.get("listed")
    unit = "device nodes"
    if driver.status != PASS or listed is None:
        yield Check("host.devices", SKIP, nodes, None, unit, "the driver does not say how many there should be")
        return
    if nodes == listed:
        yield Check("host.devices", PASS, nodes, listed, unit)
    else:
        cause = f"the driver of this machine shows {listed} GPUs, and there are {nodes} device nodes (/dev/nvidia0 ...)"
        advice = "A GPU too few: reboot this node, and have it looked at. A node too few: run nvidia-modprobe."
        yield Check("host.devices", WARN, nodes, listed, unit, cause, advice)
    missing = [f"/dev/{name}" for name in CONTROL if not (dev / name).exists()]
    if missing:
        cause = f"{', '.join(missing)} is missing, and CUDA cannot start without it"
        advice = "Run `nvidia-modprobe -u -c=0` on the host, or start nvidia-persistenced."
        yield Check("host.devices.control", WARN, cause=cause, advice=advice)


def silence() -> tuple[Check, ...]:
    """The finding that nvidia-smi hangs, where this process has waited for it in vain."""
    waited = nvidia_smi.waited()
    if not waited:
        return ()
    cause = f"nvidia-smi did not answer within {waited:.0f} s, as when the driver hangs"
    return (Check("host.nvidia-smi", BLOCK, round(waited, 1), None, "s", cause, REBOOT, node=True),)


def runtime_check(found: GpuRuntime | str, gpus: int) -> Check:
    """The ways for GPUs into containers; a text says why nobody can tell."""
    if isinstance(found, str):
        return Check("host.runtime", SKIP, cause=found)
    seen = ", ".join((*found.programs, *found.specifications))
    if found.ways:
        return Check("host.runtime", PASS, ", ".join(found.ways), evidence=seen)
    if not gpus:
        return Check("host.runtime", SKIP, cause="there is no GPU that a container could be given", evidence=seen)
    cause = "Docker has no runtime of NVIDIA, no hook of its toolkit and no CDI description: containers get no GPU"
    return Check("host.runtime", WARN, None, None, "", cause, TOOLKIT, evidence=seen)


def _runtime() -> GpuRuntime | str:
    socket = DockerSocket(timeout=ASKED)
    if socket.address.path is None:
        return "the engine runs on another machine"
    try:
        return gpu_runtime(socket.info())
    except MlopsError as error:
        return error.cause


def _buses(told: Told) -> Mapping[str, str]:
    rows = [dict(one) for one in told.facts.get("gpus") or ()]
    return {uuid: str(row["bus"]) for row in rows for uuid in (row["uuid"], *row.get("parts", ()))}
