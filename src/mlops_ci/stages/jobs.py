"""A job in the image's environment: folders, the guest's task, and what its end means."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_ci.engines.base import Job, Limits, Mount
from mlops_ci.images.extra import NAME as EXTRA
from mlops_ci.progress import activity
from mlops_ci.run.lineage import copy_code
from mlops_ci.stages.extra import for_job
from mlops_ci.stages.session import Session
from mlops_ci.training.outcome import GuestLostError, JobError, Outcome, read_outcome

# Beyond its own limit, the guest gets this long (seconds) before the engine ends it from outside.
BACKSTOP = 60.0
LOG_TAIL = 30
TAIL_BYTES = 128 * 1024


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """What to run: `folder` is the job's folder in the run directory, `mounts` name → (path, read only).

    `keep` are files of the job folder that an earlier attempt left and this one goes on with. `detail` says in words
    how far the job is. `label` tells jobs of one stage apart that run at the same time, in their lines and logs.
    """

    stage: str
    folder: Path
    task: Mapping[str, Any]
    mounts: Mapping[str, tuple[Path, bool]] = field(default_factory=dict)
    gpus: int = 0
    network: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)
    keep: tuple[str, ...] = ()
    detail: Callable[[], str] | None = None
    label: str = ""


def run_job(session: Session, spec: JobSpec, ref: str) -> Outcome:
    """Run the job to its end in a fresh copy of the repository; raises `JobError` or `GuestLostError` when it fails.

    The copy stays in `work` below the job's folder, for whoever collects outputs from it.
    """
    job = build_job(session, spec, ref)
    log = session.run.path("logs", f"{spec.stage}.{spec.label.replace(' ', '-')}.log".replace("..", "."))
    title = f"{spec.stage} ({spec.label})" if spec.label else spec.stage
    before = f"{spec.label} | " if spec.label else ""
    with log.open("a", encoding="utf-8") as stream, activity(session.console, title, spec.detail):

        def on_line(line: str) -> None:
            stream.write(session.console.redactor.clean(line) + "\n")
            stream.flush()
            session.console.output(f"{before}{line}")

        try:
            finished = session.engine.run(job, on_line)
        finally:
            shutil.rmtree(spec.folder / EXTRA, ignore_errors=True)
    if finished.outcome is None:
        raise GuestLostError(
            f"the job of {spec.stage} ended without a word: {finished.lost or f'exit code {finished.exit_code}'}",
            hint="was it killed from outside (main memory, an administrator)? The same command tries again",
            details=log_tail(log),
        )
    outcome = read_outcome(finished.outcome)
    if outcome.exit_code != 0:
        raise JobError(outcome, details=log_tail(log))
    shutil.rmtree(job.folder("tmp"), ignore_errors=True)
    return outcome


def build_job(session: Session, spec: JobSpec, ref: str) -> Job:
    """What the engine is to run: a fresh copy of the repository, empty folders, limits, and the job's environment."""
    work, job, tmp = spec.folder / "work", spec.folder / "job", fresh(spec.folder / "tmp")
    shutil.rmtree(work, ignore_errors=True)
    _clear(job, spec.keep)
    copy_code(session.settings.root, session.code, work)
    mounts = {"job": (job, False), "work": (work, False), "tmp": (tmp, False), **spec.mounts}
    over = for_job(session, spec.folder / EXTRA)
    if over is not None:
        mounts[EXTRA] = (over, False)
    for path, _ in mounts.values():
        path.mkdir(parents=True, exist_ok=True)
    train = session.settings.tables.train
    return Job(
        run=session.run.id,
        stage=spec.stage,
        ref=ref,
        task=spec.task,
        mounts=tuple(Mount(name=name, source=path, read_only=ro) for name, (path, ro) in mounts.items()),
        limits=Limits(cpus=train.cpus, memory_bytes=train.memory, shm_bytes=train.shm, gpus=spec.gpus),
        environment={**session.job_environment(), **spec.environment},
        network=spec.network,
        deadline=float(spec.task["timeout"]) + float(spec.task["grace"]) + BACKSTOP,
    )


def log_tail(path: Path) -> tuple[str, ...]:
    """The last lines of a log; of a long one no more is read."""
    if not path.exists():
        return ()
    with path.open("rb") as stream:
        start = max(0, stream.seek(0, os.SEEK_END) - TAIL_BYTES)
        stream.seek(start)
        lines = stream.read().decode("utf-8", "replace").splitlines()
    # The first one is the end of a line, where it is not the beginning of the file; left out, but where it is all.
    whole = lines[1:] if start and len(lines) > 1 else lines
    return tuple(whole[-LOG_TAIL:])


def _clear(folder: Path, keep: tuple[str, ...]) -> None:
    """Empty the folder but for the files to keep."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name not in keep:
            path.unlink()


def fresh(folder: Path) -> Path:
    """An empty folder of that name; what was there is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
