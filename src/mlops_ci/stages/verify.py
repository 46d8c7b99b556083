"""The stage verify: may this node train in this image?"""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from mlops_ci.engines import nvidia_smi
from mlops_ci.engines.devices import visible_devices
from mlops_ci.errors import GateError
from mlops_ci.records.codec import to_json
from mlops_ci.reporting.health import screen
from mlops_ci.stages.addresses import store_opener
from mlops_ci.stages.health import Node, boot_id, examine
from mlops_ci.stages.host_look import look as look_at_host
from mlops_ci.stages.host_look import rest_of
from mlops_ci.stages.image import image
from mlops_ci.stages.jobs import JobSpec, run_job
from mlops_ci.stages.result import Result
from mlops_ci.stages.session import Session
from mlops_ci.stages.signed import demanded
from mlops_ci.training.outcome import Outcome
from mlops_ci.training.task import health_task

# What a second look asks the driver; torch is not imported for it.
AFTERWARDS = ("gpu.lost", "gpu.recovery-action", "gpu.leftover", "ecc", "remap", "pages", "memory.unrepairable", "xid",
              "nvlink", "pcie", "fabric", "driver.present", "gpu.count.driver")  # fmt: skip
AFTERWARDS_SECONDS = 20.0
# Where no GPU is asked for, no node is at stake: exact numbers are worth their second, speeds are not.
WITHOUT_GPU = "quick"


class DegradedError(GateError):
    """The node is degraded, and `[verify] fail-on` says that this is too bad."""


def inputs(session: Session) -> Mapping[str, Any]:
    """The node and its boot, the image, the demands."""
    return {
        "boot": boot_id(),
        "host": platform.node(),
        "image": session.resolution.environment,
        "gpus": _gpus(session),
        "devices": visible_devices(session.environ) if _gpus(session) else (),
        "verify": to_json(session.settings.tables.verify),
        **demanded(session.settings.tables.signing),
    }


def run(session: Session) -> Result:
    """Run the guest's health checks in the image; an unhealthy node raises exit code 11, a wrong setting 3."""
    began, verify = time.monotonic() - nvidia_smi.waited(), session.settings.tables.verify
    node = Node(
        run=session.run.id,
        image=session.resolution.environment,
        gpus=_gpus(session),
        devices=visible_devices(session.environ) if _gpus(session) else (),
        demands=to_json(verify),
        limits=verify.limits,
        cache=session.workspace.cache / "health",
        max_age=verify.max_age,
        store=store_opener(session.settings)(verify.history) if verify.history else None,
        host=partial(look_at_host, _gpus(session)) if _gpus(session) and session.engine.name == "docker" else None,
    )
    found = examine(node, lambda level: look(session, level, since=began), session.console.say)
    found = replace(found, outputs=replace(found.outputs, signed_by=session.signed_by))
    for line in screen(found.outputs, verbose=session.console.verbose):
        session.console.say(line)
    if found.error is not None:
        found.error.outputs = found.outputs  # type: ignore[attr-defined]  # the runner keeps them in the record
        raise found.error
    if found.outputs.verdict == "degraded" and verify.fail_on == "degraded":
        degraded = DegradedError("the node is degraded", hint="see the checks marked WARN; another node may be better")
        degraded.outputs = found.outputs  # type: ignore[attr-defined]  # see above
        raise degraded
    return Result(outputs=found.outputs, warnings=found.warnings)


def look(session: Session, level: str | None, *, since: float | None = None, after: bool = False) -> Outcome:
    """Run the guest's checks in the image; `after` a training those of a second look, for the GPUs that it had."""
    tables = session.settings.tables
    task = health_task(
        run=session.run.id,
        settings=tables.train,
        verify=tables.verify,
        gpus=session.gpus if after else _gpus(session),
        torch=tables.image.torch,
        shm=tables.train.shm if session.engine.name == "docker" else None,
    )
    task["health"] = {**task["health"], "known": level is not None}
    level = level or tables.verify.level or (None if _gpus(session) else WITHOUT_GPU)
    task["health"] = {**task["health"], "level": level}
    if since is not None:
        task["timeout"] = rest_of(task["timeout"], since)
    if after:
        task["health"] = {**task["health"], "only": list(AFTERWARDS)}
        task["timeout"] = AFTERWARDS_SECONDS
    folder = session.run.path("verify", *(["after"] if after else []))
    spec = JobSpec(
        stage="verify", folder=folder, gpus=session.gpus if after else _gpus(session), network=False, task=task
    )
    with session.console.quiet():
        outcome = run_job(session, spec, image(session, "verify"))
    shutil.rmtree(folder / "work", ignore_errors=True)
    return outcome


def _gpus(session: Session) -> int:
    wanted = session.settings.tables.verify.min_gpus
    return session.gpus if wanted is None else max(wanted, session.gpus)
