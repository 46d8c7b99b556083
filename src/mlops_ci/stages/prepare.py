"""The stage prepare: the data by digest, and the preprocessing, cached by its fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_ci.datasets.obtain import Dataset
from mlops_ci.records.codec import to_json
from mlops_ci.records.prepare import PrepareOutputs
from mlops_ci.stages import data, drift
from mlops_ci.stages.prepared import command_inputs, prepared
from mlops_ci.stages.result import Result, skipped
from mlops_ci.stages.session import Session


def inputs(session: Session) -> Mapping[str, Any]:
    """The data as it is now; code, image and parameters only when a command works on it."""
    tables = session.settings.tables
    command = tables.prepare.command
    return {
        "data": to_json(tables.data),
        "digest": session.resolution.data_digest,
        "command": command,
        **(command_inputs(session) if command or tables.data.fetch else {}),
        **drift.inputs(session),
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
        return _result(session, _outputs(raw, raw.path, raw.digest, raw.files, raw.bytes, cached=raw.cached))
    made = prepared(session, raw, command)
    cached = ", cached" if made.cached else ""
    session.console.say(f"prepared data {made.digest[:16]}: {made.files} files{cached}")
    return _result(session, _outputs(raw, made.path, made.digest, made.files, made.bytes, cached=made.cached))


def _result(session: Session, outputs: PrepareOutputs) -> Result:
    return Result(outputs=drift.looked_at(session, outputs))


def _outputs(raw: Dataset | None, folder: Path, digest: str, files: int, size: int, *, cached: bool) -> PrepareOutputs:
    return PrepareOutputs(
        data=str(folder),
        source_digest=raw.digest if raw is not None else None,
        data_digest=digest,
        files=files,
        bytes=size,
        cached=cached,
    )
