"""The data after `[prepare] command`, cached by its fingerprint, and made once more where it is missing."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.datasets.digest import digest_folder
from mlops_ci.datasets.obtain import Dataset
from mlops_ci.errors import UsageError, UserCodeError
from mlops_ci.files import digest_of, write_json
from mlops_ci.records.prepare import PrepareOutputs
from mlops_ci.stages import data
from mlops_ci.stages.image import image
from mlops_ci.stages.jobs import JobSpec, fresh, run_job
from mlops_ci.stages.session import Session
from mlops_ci.training.task import command_task

MARKER = "complete.json"


class NothingPreparedError(UserCodeError):
    """The prepare command ended well and wrote nothing."""


class DataGoneError(UsageError):
    """The data of this run is not on this machine, and what can be had here is not the same."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The command's result; `digest` is that of its files."""

    path: Path
    digest: str
    files: int
    bytes: int
    cached: bool


def prepared(session: Session, raw: Dataset | None, command: str) -> Prepared:
    """The command's result from the cache, else made now. Raises `NothingPreparedError`."""
    key = digest_of({**command_inputs(session), "command": command, "digest": raw.digest if raw else None})
    folder = session.workspace.cache / "prepare" / key[:32]
    cached = (folder / MARKER).is_file()
    if not cached:
        _run_command(session, raw, command, folder)
    found = digest_folder(folder / "data", "content")
    if found.files == 0:
        raise NothingPreparedError(f"`{command}` wrote no file", hint="write into {output}, or MLOPS_OUTPUT_DIR")
    if not cached:
        write_json(folder / MARKER, {"digest": found.sha256, "run": session.run.id})
    return Prepared(path=folder / "data", digest=found.sha256, files=found.files, bytes=found.bytes, cached=cached)


def command_inputs(session: Session) -> dict[str, Any]:
    """What the command's result depends on beside the data."""
    train = session.settings.tables.train
    return {
        "code": session.resolution.code_sha256,
        "image": session.resolution.environment,
        "params": dict(train.params),
        "seed": train.seed,
    }


def folder(session: Session) -> Path | None:
    """The folder that training and evaluation see, or None. Where it is not on this machine, it is made here.

    Raises `DataGoneError` when that gives other data than the run's.
    """
    record = session.run.record("prepare")
    if record is None or not record.outputs:
        return None
    wanted = session.run.outputs("prepare", PrepareOutputs)
    if wanted.data is None:
        return None
    if Path(wanted.data).is_dir():
        return Path(wanted.data)
    path, digest = _again(session)
    if path is not None and digest == wanted.data_digest:
        return path
    found = f"what can be made here has the digest {digest}" if digest else "it cannot be made here"
    raise DataGoneError(
        f"the data of run {session.run.id} (digest {wanted.data_digest}) is not on this machine, and {found}",
        hint="pin [data] digest, make [prepare] give the same files each time, or share the cache (MLOPS_CI_CACHE)",
    )


def _again(session: Session) -> tuple[Path | None, str | None]:
    """The data as this machine can have it."""
    raw = data.source(session)
    command = session.settings.tables.prepare.command
    if command is not None:
        session.console.say("the prepared data is not on this machine: preparing it again")
        made = prepared(session, raw, command)
        return made.path, made.digest
    return (None, None) if raw is None else (raw.path, raw.digest)


def _run_command(session: Session, raw: Dataset | None, command: str, folder: Path) -> None:
    partial = fresh(folder.with_name(f".{folder.name}.partial"))
    (partial / "data").mkdir()
    with session.console.quiet():
        run_job(
            session,
            job(session, session.run.path("prepare"), raw, command, partial / "data"),
            image(session, "prepare"),
        )
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(partial, folder)


def job(session: Session, folder: Path, raw: Dataset | None, command: str, output: Path) -> JobSpec:
    """The job that runs the command on the raw data, in `folder`; its result goes to `output`."""
    tables = session.settings.tables
    return JobSpec(
        stage="prepare",
        folder=folder,
        task=command_task(
            run=session.run.id,
            stage="prepare",
            commands=(command,),
            timeout=tables.prepare.timeout,
            settings=tables.train,
        ),
        mounts={"output": (output, False), **({"data": (raw.path, True)} if raw is not None else {})},
    )
