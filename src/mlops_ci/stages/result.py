"""What a stage gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlops_ci.records.record import Status


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a stage ended when it did not raise: `outputs` is the dataclass of its record module."""

    status: Status = "passed"
    outputs: Any = None
    reason: str = ""
    warnings: tuple[str, ...] = ()


def skipped(reason: str, outputs: Any = None) -> Result:
    """The stage had nothing to do, and that is no failure."""
    return Result(status="skipped", reason=reason, outputs=outputs)
