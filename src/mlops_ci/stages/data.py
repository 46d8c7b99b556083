"""The data that a job sees: fetched when it is not on this machine yet, always the digest that the records name."""

from __future__ import annotations

from pathlib import Path

from mlops_ci.datasets.obtain import Dataset, obtain
from mlops_ci.stages.addresses import store_opener
from mlops_ci.stages.image import image
from mlops_ci.stages.jobs import JobSpec, run_job
from mlops_ci.stages.session import Session
from mlops_ci.training.task import command_task


def source(session: Session) -> Dataset | None:
    """The raw data, in the runner's cache; None when no `[data]` is configured."""
    data = session.settings.tables.data
    if not (data.path or data.source or data.fetch):
        return None
    return obtain(
        data,
        root=session.settings.root,
        cache=session.workspace.cache / "data",
        open_store=store_opener(session.settings),
        run_fetch=lambda command, output: _fetch(session, command, output),
        console=session.console,
    )


def _fetch(session: Session, command: str, output: Path) -> None:
    """Run the fetch command in the image's environment; it writes into `{output}` (also `{data}`)."""
    run_job(
        session, fetch_job(session, session.run.path("prepare", "fetch"), command, output), image(session, "prepare")
    )


def fetch_job(session: Session, folder: Path, command: str, output: Path) -> JobSpec:
    """The job that runs the fetch command, in `folder`."""
    settings = session.settings.tables
    return JobSpec(
        stage="prepare",
        folder=folder,
        task=command_task(
            run=session.run.id,
            stage="prepare",
            commands=(command.replace("{data}", "{output}"),),
            timeout=settings.prepare.timeout,
            settings=settings.train,
        ),
        mounts={"output": (output, False)},
    )
