"""The pipeline's own time around the training: a second run's wall time less the user's training seconds."""

from __future__ import annotations

import time
from pathlib import Path

from support.cli import call, records
from support.project import WITH_TORCH, commit, make_project


def table(folder: Path) -> str:
    """Host engine, embedded MLflow and store; the first run fills the caches, the second is measured."""
    project = make_project(folder / "project", config=WITH_TORCH)
    settings = {"MLOPS_CI_ENGINE": "host"}
    _run(project, settings)
    (project / "note.txt").write_text("a change, so that the second run is a new one\n")
    commit(project, "second")
    started = time.monotonic()
    _run(project, settings)
    wall = time.monotonic() - started
    found = records(project)
    training = found["train"]["outputs"]["seconds"]
    rows = "".join(f"| {name} | {record['seconds']:.1f} |\n" for name, record in found.items())
    return (
        f"| what | seconds |\n| --- | --- |\n| whole second run | {wall:.1f} |\n"
        f"| the training process | {training:.1f} |\n"
        f"| **everything else** | **{wall - training:.1f}** |\n\n| stage | seconds |\n| --- | --- |\n{rows}"
    )


def _run(project: Path, settings: dict[str, str]) -> None:
    done = call(project, "run", environment=settings)
    if done.exit_code != 0:
        raise RuntimeError(done.said)
