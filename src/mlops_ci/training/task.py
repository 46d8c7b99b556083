"""Tasks: what the guest is to do, as the content of `task.json` (`mlops-ci/task/1`). The engine adds the paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlops_ci.settings.train import TrainSettings
from mlops_ci.settings.verify import VerifySettings

SCHEMA = "mlops-ci/task/1"
SAMPLE_SECONDS = 1.0
SHORT_GRACE = 5.0


def command_task(
    *,
    run: str,
    stage: str,
    commands: Sequence[str],
    timeout: float,
    settings: TrainSettings,
    output: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A task that runs commands in order: check, prepare, a data fetch, evaluate. Times in seconds."""
    return {
        "schema": SCHEMA,
        "run": run,
        "stage": stage,
        "kind": "command",
        "commands": [{"name": f"{stage}-{number}", "command": one} for number, one in enumerate(commands, 1)],
        "environment": dict(environment or {}),
        "params": dict(settings.params),
        "seed": settings.seed,
        "timeout": float(timeout),
        "grace": SHORT_GRACE,
        "stall": None,
        "metrics": {},
        "sample_seconds": SAMPLE_SECONDS,
        "model": None,
        "expect": {},
        "secrets": list(settings.secrets),
        **({"output": output} if output else {}),
    }


def train_task(*, run: str, settings: TrainSettings, gpus: int) -> dict[str, Any]:
    """The training task: metrics are picked from the output, the model is made canonical at the end."""
    task = command_task(
        run=run,
        stage="train",
        commands=(settings.command,),
        timeout=settings.timeout,
        settings=settings,
        output=settings.outputs,
    )
    return {
        **task,
        "grace": float(settings.grace),
        "stall": float(settings.stall) if settings.stall is not None else None,
        "gpu_idle": float(settings.gpu_idle) if settings.gpu_idle is not None else None,
        "metrics": dict(settings.metrics),
        # Rank 0 leaves the model, and that is on the first node.
        "model": {"allow_pickle": list(settings.allow_pickle)} if settings.node == 0 else None,
        "expect": {"gpus": gpus},
        "launch": launch(settings, gpus),
    }


def launch(settings: TrainSettings, gpus: int) -> dict[str, Any]:
    """How many processes, where they meet, and what they talk by."""
    return {
        "processes": max(1, gpus) if settings.processes == "auto" else settings.processes,
        "nodes": settings.nodes,
        "node": settings.node,
        "rendezvous": settings.rendezvous,
        "backend": "nccl" if gpus else "gloo",
    }


def health_task(
    *, run: str, settings: TrainSettings, verify: VerifySettings, gpus: int, torch: str, shm: int | None
) -> dict[str, Any]:
    """The task of verify: may this node train in this image? `shm` in bytes."""
    task = command_task(run=run, stage="verify", commands=(), timeout=verify.budget, settings=settings)
    expect: dict[str, Any] = {"gpus": gpus, "torch": torch}
    if settings.memory is not None:
        expect["memory_bytes"] = settings.memory
    if shm is not None:
        expect["shm_bytes"] = shm
    return {**task, "kind": "health", "expect": expect, "health": health_request(verify)}


def health_request(verify: VerifySettings) -> dict[str, Any]:
    """Which checks, with which limits, and which findings are silenced."""
    return {
        "level": verify.level,
        "only": list(verify.only),
        "limits": dict(verify.limits),
        "silences": [
            {"check": name, "until": text[:10], "reason": text[10:].strip()} for name, text in verify.silence.items()
        ],
    }
