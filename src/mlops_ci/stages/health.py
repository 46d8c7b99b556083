"""A look at a node: what the guest found, with this node's own past, an earlier verdict, and a history of its own."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path
from typing import Any, get_args

from mlops_ci.engines.docker_errors import DriverTooOldError, NvidiaRuntimeMissingError
from mlops_ci.engines.leases import GpuMissingError
from mlops_ci.errors import MlopsError
from mlops_ci.fleet import history
from mlops_ci.fleet.cache import Cache, computed
from mlops_ci.fleet.document import Health
from mlops_ci.guest.health.active.history import against_history
from mlops_ci.guest.health.check import Check, health_of, verdict_of
from mlops_ci.records.codec import from_json
from mlops_ci.records.verify import CheckedDevice, HealthCheck, Verdict, VerifyOutputs
from mlops_ci.run.clock import now, stamp
from mlops_ci.stages import absent
from mlops_ci.stages.host_look import HostLook, silence
from mlops_ci.stores.base import Store
from mlops_ci.training.outcome import JobError, Outcome

LOG = "xid.history"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
Say = Callable[[str], None]
Look = Callable[[str | None], Outcome]
"""Runs the guest's checks of a level (None: as the task says); raises `JobError` with the outcome in it."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """Where and in what is looked, and what is known of it from before.

    `host` looks at the machine from outside the container, before the job.
    """

    run: str
    image: str
    gpus: int
    devices: tuple[str, ...]
    demands: Mapping[str, Any]
    limits: Mapping[str, float]
    cache: Path
    max_age: float | None
    store: Store | None
    host: Callable[[], HostLook] | None = None


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a look gave; `error` is the guest's own end where something blocks."""

    outputs: VerifyOutputs
    error: JobError | None
    warnings: tuple[str, ...] = ()


def boot_id() -> str:
    """The boot of this machine."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"


def examine(node: Node, look: Look, say: Say) -> Found:
    """Look at the node; compute only what no earlier verdict still says, and remember what was found."""
    cache = Cache(folder=node.cache, key={"boot": boot_id(), "host": platform.node(), "devices": node.devices,
                                          "image": node.image, "gpus": node.gpus, "demands": node.demands})  # fmt: skip
    known = cache.valid(now().astimezone(UTC), node.max_age) if node.max_age is not None else None
    if known is not None:
        say(f"computed on the same GPUs since the same boot in the same image at {known.result.computed_at}: it counts")
    host = node.host() if node.host is not None else None
    outcome, error = _looked(node, look, "static" if known else None)
    outputs = outputs_of(outcome)
    if known is not None and error is None:
        fresh = {one.id for one in outputs.checks}
        earlier = tuple(one for one in computed(known.result.checks) if one.id not in fresh)
        outputs = replace(
            outputs,
            checks=(*(one for one in outputs.checks if not _unreached(one)), *earlier),
            devices=known.result.devices,
            details=known.result.details,
            computed_at=known.result.computed_at,
        )
    outputs, warnings = _with_history(node, _with_host(node, host, outputs))
    error = error or _of_history(outputs, outcome)
    _remember(node, cache, outputs, error, anew=known is None)
    warnings += _kept(node, outputs, error)
    return Found(outputs=outputs, error=error, warnings=(*outcome.warnings, *warnings))


def outputs_of(outcome: Outcome) -> VerifyOutputs:
    """The outputs of a look."""
    verdict: Verdict = outcome.verdict if outcome.verdict in get_args(Verdict) else "unhealthy"  # type: ignore[assignment]
    return VerifyOutputs(
        verdict=verdict,
        checks=tuple(from_json(HealthCheck, one, where="outcome.json: checks") for one in outcome.checks),
        devices=outcome.devices,
        details=tuple(from_json(CheckedDevice, one, where="outcome.json: devices") for one in outcome.device_details),
        host=platform.node(),
        boot=boot_id(),
        computed_at=stamp(now()),
    )


def _unreached(one: HealthCheck) -> bool:
    """What the static look leaves out, and the earlier verdict has."""
    return one.status == "SKIP" and one.cause.startswith("not reached: it belongs to")


def _looked(node: Node, look: Look, level: str | None) -> tuple[Outcome, JobError | None]:
    """What the guest found; where the engine could not even start it for want of GPUs, why."""
    try:
        return look(level), None
    except JobError as failed:
        return failed.outcome, failed
    except (GpuMissingError, NvidiaRuntimeMissingError, DriverTooOldError) as error:
        if isinstance(error, GpuMissingError):
            outcome = absent.outcome_of(node.gpus)
        else:
            name = "host.runtime" if isinstance(error, NvidiaRuntimeMissingError) else "host.driver"
            outcome = absent.refused(error, name, node.gpus)
        return outcome, JobError(outcome, details=(error.cause,))


def _with_host(node: Node, host: HostLook | None, outputs: VerifyOutputs) -> VerifyOutputs:
    """The host's half beside the image's: its view of the kernel's log counts where a container has none."""
    used = [one.uuid for one in outputs.details if one.uuid]
    found = [*(host.after(used) if host is not None else ()), *(silence() if node.gpus else ())]
    seen = {one.id for one in outputs.checks if one.status != "SKIP" or one.id != LOG}
    if absent.COUNT in seen:
        # Nothing was started: what stands there of the driver is the host's already.
        seen.add("host.driver")
    better = [from_json(HealthCheck, one.as_json(), where="host") for one in found if one.id not in seen]
    if not better:
        return outputs
    names = {one.id for one in better}
    checks = (*(one for one in outputs.checks if one.id not in names), *better)
    return replace(outputs, checks=checks, verdict=_verdict(checks, node.gpus))


def _with_history(node: Node, outputs: VerifyOutputs) -> tuple[VerifyOutputs, tuple[str, ...]]:
    if node.store is None:
        return outputs, ()
    try:
        earlier = history.past(list(history.looks(node.store, outputs.host, newest=history.MOST)))
    except MlopsError as error:
        return outputs, (f"this node's own past could not be read: {error.cause}",)
    devices = {one.device: one.uuid or one.device for one in outputs.details}
    by_device = {device: earlier.get(uuid, {}) for device, uuid in devices.items()}
    by_device |= {name: values for name, values in earlier.items() if name == "node"}
    found = against_history([history.as_check(one) for one in outputs.checks], by_device, node.limits)
    checks = (*outputs.checks, *(from_json(HealthCheck, one.as_json(), where="history") for one in found))
    return replace(outputs, checks=checks, verdict=_verdict(checks, node.gpus)), ()


def _verdict(checks: Sequence[HealthCheck], gpus: int) -> Verdict:
    found: Verdict = health_of([history.as_check(one) for one in checks], gpus=gpus)  # type: ignore[assignment]
    return found


def _of_history(outputs: VerifyOutputs, outcome: Outcome) -> JobError | None:
    """A node that has become much slower than it was is unhealthy too."""
    checks: list[Check] = [history.as_check(one) for one in outputs.checks]
    verdict = verdict_of(checks)
    if verdict.exit_code == 0:
        return None
    return JobError(replace(outcome, class_=verdict.name, exit_code=verdict.exit_code, cause=verdict.cause,
                            hint=verdict.hint))  # fmt: skip


def _remember(node: Node, cache: Cache, outputs: VerifyOutputs, error: JobError | None, *, anew: bool) -> None:
    if error is not None:
        cache.forget()
    elif anew:
        cache.keep(_health(node, outputs, error))


def _kept(node: Node, outputs: VerifyOutputs, error: JobError | None) -> tuple[str, ...]:
    if node.store is None:
        return ()
    try:
        history.keep(node.store, _health(node, outputs, error))
    except MlopsError as failed:
        return (f"the verdict could not be added to the history: {failed.cause}",)
    return ()


def _health(node: Node, outputs: VerifyOutputs, error: JobError | None) -> Health:
    return Health(
        at=stamp(now()),
        run=node.run,
        image=node.image,
        gpus=node.gpus,
        exit_code=0 if error is None else error.exit_code,
        result=outputs,
    )
