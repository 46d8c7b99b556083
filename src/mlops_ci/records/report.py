"""Outputs of the report stage."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_ci.records.record import FileRef


@dataclass(frozen=True, kw_only=True)
class ReportOutputs:
    """The pages that were written."""

    files: tuple[FileRef, ...]
