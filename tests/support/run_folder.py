"""A run directory with records and files, made without running anything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlops_ci.records.record import Record
from mlops_ci.run.run import Lineage, Run, create, new_info

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def make_run(workspace: Path, *, engine: str = "host", name: str | None = None, beside: str | None = None) -> Run:
    """A new run below `workspace` (`.mlops`); one with a `name` that says so is for another build, `beside` a run."""
    lineage = Lineage(
        commit="c" * 40,
        commit_time=None,
        branch="main",
        dirty=False,
        diff_sha256=None,
        code_sha256="code",
        config_sha256="config",
    )
    info = new_info(
        moment=MOMENT,
        project="demo",
        plan="plan",
        mode=None,
        engine=engine,
        variant="cpu",
        provider="github",
        lineage=lineage,
        links={},
        name=name,
        beside=beside,
    )
    return create(workspace / "runs", info)


def a_record(run: Run, stage: str, **fields: Any) -> Record:
    """A record of that stage; passed unless `fields` say otherwise."""
    values: dict[str, Any] = {
        "run": run.id,
        "stage": stage,
        "attempt": 1,
        "status": "passed",
        "exit_code": 0,
        "reason": "",
        "started_at": "2026-01-02T03:04:05.000Z",
        "finished_at": "2026-01-02T03:04:06.000Z",
        "seconds": 1.0,
        "fingerprint": "f",
        "version": "0",
        "provider": "github",
        "engine": "host",
        "variant": "cpu",
        "host": "h",
        **fields,
    }
    return Record(**values)


def write_files(run: Run, files: Mapping[str, str]) -> None:
    """Files of the run directory."""
    for name, text in files.items():
        path = run.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
