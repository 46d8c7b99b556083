"""`outcome.json` (`mlops-ci/outcome/1`): what the guest hands back, written last and atomically.

Paths in it are relative: the checkpoint's to the checkpoint folder, the model's to the model folder. Times are ISO 8601
in UTC.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mlops_ci.guest import exits, layout
from mlops_ci.guest.classify import Verdict
from mlops_ci.guest.files import write_json

SCHEMA = "mlops-ci/outcome/1"
RESERVE = ".outcome.reserve"
RESERVE_BYTES = 256 * 1024
"""Disk space that is held from the start, so that a job that fills the disk still gets its outcome."""


@dataclass(frozen=True)
class CommandResult:
    """One command that was started: its `exit_code`, or None and the `signal` that ended it."""

    name: str
    argv: list[str]
    exit_code: int | None
    signal: int | None
    seconds: float


@dataclass
class Outcome:
    """The fields of `outcome.json` besides class, exit code, cause and hint. `tail` ends a failed job's log.

    `ranks` are the processes of this node where there are several: how each ended, and its log in the job folder.
    """

    run: str
    stage: str
    started: float = field(default_factory=time.time)
    commands: list[CommandResult] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    metric_points: int = 0
    resumed_from_step: int | None = None
    checkpoint: Mapping[str, Any] | None = None
    usage: Mapping[str, Any] = field(default_factory=lambda: {"cpu_seconds": 0.0, "peak_memory_bytes": 0})
    devices: list[str] = field(default_factory=lambda: ["cpu"])
    device_details: list[dict[str, Any]] = field(default_factory=list)
    model: Mapping[str, Any] | None = None
    warnings: list[str] = field(default_factory=list)
    checks: list[Mapping[str, Any]] = field(default_factory=list)
    verdict: str | None = None
    tail: list[str] = field(default_factory=list)
    ranks: list[Mapping[str, Any]] = field(default_factory=list)

    def document(self, verdict: Verdict, finished: float) -> dict[str, Any]:
        """The JSON value."""
        own = asdict(self)
        started = own.pop("started")
        return {
            "schema": SCHEMA,
            "class": verdict.name,
            "exit_code": verdict.exit_code,
            "cause": verdict.cause,
            "hint": verdict.hint,
            "started_at": iso(started),
            "finished_at": iso(finished),
            "seconds": round(finished - started, 3),
            **own,
        }


def iso(seconds: float) -> str:
    """A Unix time as ISO 8601 in UTC with milliseconds."""
    utc = timezone.utc  # noqa: UP017  (datetime.UTC came with Python 3.11)
    return datetime.fromtimestamp(seconds, utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def begin(job: Path) -> None:
    """Remove what an earlier attempt left that would be mistaken for this one's, and hold space for the outcome."""
    for name in (layout.OUTCOME, layout.STOP, layout.HALT, layout.RESUMED):
        (job / name).unlink(missing_ok=True)
    try:
        handle = os.open(job / RESERVE, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return
    try:
        os.posix_fallocate(handle, 0, RESERVE_BYTES)
    except OSError:
        return
    finally:
        os.close(handle)


def finish(job: Path, outcome: Outcome, verdict: Verdict) -> int:
    """Write the outcome and give the exit code of the process; an outcome that cannot be written is said on stderr."""
    (job / RESERVE).unlink(missing_ok=True)
    try:
        write_json(job / layout.OUTCOME, outcome.document(verdict, time.time()))
    except (OSError, ValueError) as error:
        os.write(2, f"mlops-ci: outcome.json could not be written: {error}; it was {verdict}\n".encode())
    return verdict.exit_code


def crashed(job: Path, run: str, stage: str, number: int) -> int:
    """The outcome of a keeper process that was killed: the warden writes it. Gives the exit code."""
    if (job / layout.OUTCOME).is_file():
        return exits.TERMINATED
    cause = f"the guest process that watches over the job was killed (signal {number})"
    hint = "Start the same command again to go on. If nobody killed it, memory may have run out: see the kernel's log."
    return finish(job, Outcome(run=run, stage=stage), Verdict("cancelled", exits.TERMINATED, cause, hint))
