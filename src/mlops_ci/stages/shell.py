"""The place where a stage's command runs, for a person: the same job, with a shell in the command's stead."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mlops_ci.engines.base import Job
from mlops_ci.errors import UsageError
from mlops_ci.nearness import did_you_mean
from mlops_ci.stages import check, data, prepared, scores, train
from mlops_ci.stages.image import image
from mlops_ci.stages.jobs import JobSpec, build_job
from mlops_ci.stages.session import Session

KIND = "shell"
NOTHING = "no {} is configured: there is no job to look into"


class NoJobError(UsageError):
    """The stage runs no job of yours that a shell could stand in for."""


def shell_job(session: Session, stage: str, folder: Path, *, argv: Sequence[str], terminal: str | None) -> Job:
    """The stage's job with everything that it writes below `folder`, and nothing of it in the run.

    `argv` runs in place of the stage's command; without it a shell does, on a terminal of the kind `terminal`.
    Raises `NoJobError`.
    """
    known_stage(stage)
    spec = SPECS[stage](session, folder / stage)
    request = {"argv": list(argv), "terminal": None if argv else terminal}
    task = {**spec.task, "kind": KIND, "model": None, "metrics": {}, "shell": request}
    return replace(build_job(session, replace(spec, task=task, keep=()), image(session, "shell")), deadline=None)


def known_stage(stage: str) -> None:
    """Raise `NoJobError` for a stage that runs no job of the user's."""
    if stage not in SPECS:
        raise NoJobError(
            f"there is no job of the stage `{stage}` to look into{did_you_mean(stage, SPECS)}",
            hint=f"stages with a job of yours: {', '.join(SPECS)}",
        )


def _check(session: Session, folder: Path) -> JobSpec:
    if not session.settings.tables.check.commands:
        raise NoJobError(NOTHING.format("[check] commands"), hint="configure them, or look into `train`")
    return check.job(session, folder)


def _prepare(session: Session, folder: Path) -> JobSpec:
    """The preprocessing; without one, the command that fetches the data."""
    tables = session.settings.tables
    if tables.prepare.command is not None:
        raw = data.source(session)
        return prepared.job(session, folder, raw, tables.prepare.command, folder / "output")
    if tables.data.fetch is not None:
        return data.fetch_job(session, folder, tables.data.fetch, folder / "output")
    raise NoJobError(NOTHING.format("[prepare] command and no [data] fetch"), hint="look into `train` instead")


def _train(session: Session, folder: Path) -> JobSpec:
    """The training, with a copy of the checkpoints that the run has."""
    spec = train.job(session, folder, champion_folder=folder / "champion")
    checkpoints = session.run.path("train", "checkpoints")
    if checkpoints.is_dir():
        shutil.copytree(checkpoints, spec.mounts["checkpoints"][0], symlinks=True)
    return spec


def _evaluate(session: Session, folder: Path) -> JobSpec:
    command = session.settings.tables.evaluate.command
    if command is None:
        raise NoJobError(NOTHING.format("[evaluate] command"), hint="look into `train` instead")
    model = session.run.path("train", "model")
    if not model.is_dir():
        raise NoJobError(f"run {session.run.id} has no model yet", hint="run `mlops-ci train` first, or look into it")
    return scores.job(session, folder, command, model)


SPECS: Mapping[str, Callable[[Session, Path], JobSpec]] = {
    "check": _check,
    "prepare": _prepare,
    "train": _train,
    "evaluate": _evaluate,
}
