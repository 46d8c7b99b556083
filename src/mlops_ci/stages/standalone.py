"""The health check alone: no configuration, no run, no image of ours. In any Python with torch, or in any image."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mlops_ci.console import Console
from mlops_ci.engines import nvidia_smi
from mlops_ci.engines.base import Job, JobResult, Limits, Mount
from mlops_ci.engines.devices import visible_devices
from mlops_ci.engines.environment import local_environment, search_path
from mlops_ci.engines.local import Place, run_local
from mlops_ci.engines.select import choose
from mlops_ci.errors import MissingError
from mlops_ci.guest.health.driver import device_nodes
from mlops_ci.guest.health.variables import HIDING
from mlops_ci.guest.visible import VARIABLE
from mlops_ci.settings.train import TrainSettings
from mlops_ci.settings.verify import VerifySettings
from mlops_ci.stages.health import Found, Node, examine
from mlops_ci.stages.host_look import look, rest_of
from mlops_ci.stages.jobs import BACKSTOP
from mlops_ci.stores.base import Store
from mlops_ci.training.outcome import GuestLostError, JobError, Outcome, read_outcome
from mlops_ci.training.task import health_task

RUN = "health-check"
FOLDERS = ("job", "work", "tmp")


class NoPythonError(MissingError):
    """The Python that the health check is to run in is not there."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked for. `gpus` None: as many as this process sees. Exactly one of `python` and `image` is used."""

    verify: VerifySettings
    gpus: int | None
    python: Path | None
    image: str | None
    cache: Path
    store: Store | None


def check(wanted: Wanted, console: Console) -> Found:
    """Look at this node. Raises what an engine raises when the check cannot be started."""
    began = time.monotonic()
    devices = visible_devices(os.environ)
    gpus = (len(devices) or unseen()) if wanted.gpus is None else wanted.gpus
    where = wanted.image or str(wanted.python)
    node = Node(
        run=RUN,
        image=where,
        gpus=gpus,
        devices=devices,
        demands={"budget": float(wanted.verify.budget), "level": wanted.verify.level, "only": list(wanted.verify.only)},
        limits=wanted.verify.limits,
        cache=wanted.cache,
        max_age=wanted.verify.max_age,
        store=wanted.store,
        host=partial(look, gpus) if wanted.image and gpus else None,
    )
    return examine(node, lambda level: _look(wanted, gpus, level, began, console), console.say)


def unseen() -> int:
    """GPUs that are in this machine and that nobody shows: the device nodes, or one where nvidia-smi hangs.

    Where CUDA_VISIBLE_DEVICES hides them, that is meant.
    """
    if os.environ.get(VARIABLE, "0").strip() in HIDING:
        return 0
    return device_nodes() or int(nvidia_smi.waited() > 0)


def _look(wanted: Wanted, gpus: int, level: str | None, began: float, console: Console) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="mlops-health-") as name:
        folder = Path(name)
        # The job's user in a container is another one than ours.
        folder.chmod(0o755)
        # GPUs that are not there cannot be leased: the check says why they are not. Only in a container it cannot know.
        leased = gpus if wanted.image or gpus <= len(visible_devices(os.environ)) else 0
        job = _job(wanted, gpus, level, folder, leased, since=began)
        lines: list[str] = []
        engine = choose("docker", local=True, project=folder, console=console) if wanted.image else None
        result = engine.run(job, lines.append) if engine else _on_host(job, wanted, folder, lines, console)
    if result.outcome is None:
        raise GuestLostError(
            f"the health check ended without a word: {result.lost or f'exit code {result.exit_code}'}",
            hint="was it killed from outside (main memory, an administrator)? The same command tries again",
            details=tuple(lines[-20:]),
        )
    outcome = read_outcome(result.outcome)
    if outcome.exit_code != 0:
        raise JobError(outcome)
    return outcome


def _job(wanted: Wanted, gpus: int, level: str | None, folder: Path, leased: int, *, since: float) -> Job:
    mounts = []
    for name in FOLDERS:
        (folder / name).mkdir()
        mounts.append(Mount(name=name, source=folder / name, read_only=False))
    task: dict[str, Any] = health_task(
        run=RUN, settings=TrainSettings(command="true"), verify=wanted.verify, gpus=gpus, torch="", shm=None
    )
    task["expect"] = {**task["expect"], "torch": None}
    if level is not None:
        task["health"] = {**task["health"], "level": level, "known": True}
    task["timeout"] = rest_of(task["timeout"], since)
    deadline = float(task["timeout"]) + float(task["grace"]) + BACKSTOP
    return Job(
        run=RUN, stage="verify", ref=wanted.image or "", task=task, mounts=tuple(mounts), limits=Limits(gpus=leased),
        deadline=deadline,
    )  # fmt: skip


def _on_host(job: Job, wanted: Wanted, folder: Path, lines: list[str], console: Console) -> JobResult:
    python = wanted.python
    if python is None or not os.access(python, os.X_OK):
        raise NoPythonError(
            f"there is no Python at {python}", hint="name one that has torch: --python PATH, or --image"
        )

    def environment(marker: str, gpus: tuple[str, ...]) -> Mapping[str, str]:
        path = search_path(str(python.parent), os.environ.get("PATH"))
        variables = local_environment(
            job,
            marker=marker,
            path=path,
            gpus=gpus,
            inherited=os.environ,
            prefixes=("CUDA", "NVIDIA_", "NCCL_", "TORCH"),
        )
        if not gpus:
            # Nothing was leased: what this machine shows is what is to be explained.
            variables.pop("CUDA_VISIBLE_DEVICES")
            shown = os.environ.get("CUDA_VISIBLE_DEVICES")
            variables |= {} if shown is None else {"CUDA_VISIBLE_DEVICES": shown}
        return variables

    return run_local(job, Place(python=python, environment=environment), lines.append, project=folder, say=console.say)
