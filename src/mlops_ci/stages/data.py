"""The data that a job sees: fetched when it is not on this machine yet, always the digest that the records name."""

from __future__ import annotations

from pathlib import Path

from mlops_ci.datasets.obtain import Dataset, obtain
from mlops_ci.errors import UsageError
from mlops_ci.records.build import BuildOutputs
from mlops_ci.records.prepare import PrepareOutputs
from mlops_ci.stages.addresses import store_opener
from mlops_ci.stages.jobs import JobSpec, run_job
from mlops_ci.stages.session import Session
from mlops_ci.training.task import command_task


class DataGoneError(UsageError):
    """The prepared data of this run is not on this machine and cannot be made again."""


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


def folder(session: Session) -> Path | None:
    """The folder that training and evaluation see, or None; raises `DataGoneError`."""
    record = session.run.record("prepare")
    if record is None or not record.outputs:
        return None
    prepared = session.run.outputs("prepare", PrepareOutputs)
    if prepared.data is None:
        return None
    if Path(prepared.data).is_dir():
        return Path(prepared.data)
    raw = source(session)
    if raw is not None and raw.digest == prepared.data_digest:
        return raw.path
    raise DataGoneError(
        f"{prepared.data} is not on this machine", hint="run `mlops-ci prepare --force --only --run latest` here"
    )


def _fetch(session: Session, command: str, output: Path) -> None:
    """Run the fetch command in the image's environment; it writes into `{output}` (also `{data}`)."""
    built = session.run.outputs("build", BuildOutputs)
    settings = session.settings.tables
    run_job(
        session,
        JobSpec(
            stage="prepare",
            folder=session.run.path("prepare", "fetch"),
            task=command_task(
                run=session.run.id,
                stage="prepare",
                commands=(command.replace("{data}", "{output}"),),
                timeout=settings.prepare.timeout,
                settings=settings.train,
            ),
            mounts={"output": (output, False)},
        ),
        built.images[built.top].ref,
    )
