"""Outputs of the report stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from mlops_ci.records.marks import VOLATILE_CONTENT
from mlops_ci.records.record import FileRef


@dataclass(frozen=True, kw_only=True)
class Notification:
    """What became of one event in one channel. `repeated`: not sent, since the same was told a short while ago."""

    event: str
    channel: str
    ending: Literal["sent", "told before", "repeated", "failed"]


@dataclass(frozen=True, kw_only=True)
class ReportOutputs:
    """The pages that were written, and who was told what."""

    files: Annotated[tuple[FileRef, ...], VOLATILE_CONTENT]
    notifications: tuple[Notification, ...] = ()
