"""The stage prepare: the data by digest, and the preprocessing, cached by its fingerprint."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_ci.datasets.digest import digest_folder
from mlops_ci.datasets.obtain import Dataset
from mlops_ci.errors import UserCodeError
from mlops_ci.files import digest_of, write_json
from mlops_ci.records.build import BuildOutputs
from mlops_ci.records.codec import to_json
from mlops_ci.records.prepare import PrepareOutputs
from mlops_ci.stages import data
from mlops_ci.stages.jobs import JobSpec, fresh, run_job
from mlops_ci.stages.result import Result, skipped
from mlops_ci.stages.session import Session
from mlops_ci.training.task import command_task

MARKER = "complete.json"


class NothingPreparedError(UserCodeError):
    """The prepare command ended well and wrote nothing."""


def inputs(session: Session) -> Mapping[str, Any]:
    """The data as it is now; code, image and parameters only when a command works on it."""
    tables = session.settings.tables
    command = tables.prepare.command
    return {
        "data": to_json(tables.data),
        "digest": session.resolution.data_digest,
        "command": command,
        **(_command_inputs(session) if command or tables.data.fetch else {}),
    }


def run(session: Session) -> Result:
    """Fetch and check the data; run the command unless its result is cached."""
    raw = data.source(session)
    command = session.settings.tables.prepare.command
    if raw is None and command is None:
        return skipped("no [data] and no [prepare] are configured")
    if raw is not None:
        how = "cached" if raw.cached else "fetched"
        session.console.say(f"data {raw.digest[:16]}: {raw.files} files, {raw.bytes / 1e6:.1f} MB, {how}")
    if command is None:
        assert raw is not None  # noqa: S101  # for the type checker: see the first condition
        return Result(outputs=_outputs(raw, raw.path, raw.digest, raw.files, raw.bytes, cached=raw.cached))
    return _prepared(session, raw, command)


def _prepared(session: Session, raw: Dataset | None, command: str) -> Result:
    key = digest_of({**_command_inputs(session), "command": command, "digest": raw.digest if raw else None})
    folder = session.workspace.cache / "prepare" / key[:32]
    cached = (folder / MARKER).is_file()
    if not cached:
        _run_command(session, raw, command, folder)
    found = digest_folder(folder / "data", "content")
    if found.files == 0:
        raise NothingPreparedError(f"`{command}` wrote no file", hint="write into {output}, or MLOPS_OUTPUT_DIR")
    if not cached:
        write_json(folder / MARKER, {"digest": found.sha256, "run": session.run.id})
    session.console.say(f"prepared data {found.sha256[:16]}: {found.files} files{', cached' if cached else ''}")
    return Result(outputs=_outputs(raw, folder / "data", found.sha256, found.files, found.bytes, cached=cached))


def _run_command(session: Session, raw: Dataset | None, command: str, folder: Path) -> None:
    built = session.run.outputs("build", BuildOutputs)
    tables = session.settings.tables
    partial = fresh(folder.with_name(f".{folder.name}.partial"))
    (partial / "data").mkdir()
    with session.console.quiet():
        run_job(
            session,
            JobSpec(
                stage="prepare",
                folder=session.run.path("prepare"),
                task=command_task(
                    run=session.run.id,
                    stage="prepare",
                    commands=(command,),
                    timeout=tables.prepare.timeout,
                    settings=tables.train,
                ),
                mounts={
                    "output": (partial / "data", False),
                    **({"data": (raw.path, True)} if raw is not None else {}),
                },
            ),
            built.images[built.top].ref,
        )
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(partial, folder)


def _command_inputs(session: Session) -> dict[str, Any]:
    train = session.settings.tables.train
    return {
        "code": session.resolution.code_sha256,
        "image": session.resolution.top.content_key,
        "params": dict(train.params),
        "seed": train.seed,
    }


def _outputs(raw: Dataset | None, folder: Path, digest: str, files: int, size: int, *, cached: bool) -> PrepareOutputs:
    return PrepareOutputs(
        data=str(folder),
        source_digest=raw.digest if raw is not None else None,
        data_digest=digest,
        files=files,
        bytes=size,
        cached=cached,
    )
