"""The envelope of every stage's record, `mlops-ci/record/1`. Other tools may rely on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from mlops_ci.records.marks import VOLATILE

SCHEMA = "mlops-ci/record/1"

Status = Literal["passed", "failed", "skipped", "waiting"]


@dataclass(frozen=True, kw_only=True)
class ErrorInfo:
    """Why a stage failed: `class_` is the failure class, `cause` one line, `hint` the next step.

    `again` are the lines that repeat the stage on a person's machine, to be pasted into a shell.
    """

    class_: str
    cause: str
    hint: str = ""
    again: Annotated[tuple[str, ...], VOLATILE] = ()


@dataclass(frozen=True, kw_only=True)
class FileRef:
    """A file that a record names: `path` relative to the run directory, its size in bytes and its SHA-256 in hex."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """One stage of one run, written last and atomically. Times are ISO 8601 in UTC, `seconds` the stage's duration.

    The fingerprint names all inputs, with some stages the node, the provider or the servers too.
    """

    schema: str = SCHEMA
    run: Annotated[str, VOLATILE]
    stage: str
    attempt: int
    status: Status
    exit_code: int
    reason: str
    error: ErrorInfo | None = None
    started_at: Annotated[str, VOLATILE]
    finished_at: Annotated[str, VOLATILE]
    seconds: Annotated[float, VOLATILE]
    fingerprint: Annotated[str, VOLATILE]
    version: str
    provider: Annotated[str, VOLATILE]
    engine: str
    variant: str
    host: Annotated[str, VOLATILE]
    outputs: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        """Whether the stages that need this one may start."""
        return self.status in ("passed", "skipped")
