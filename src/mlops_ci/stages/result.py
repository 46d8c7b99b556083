"""What a stage gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_ci.records.record import Status


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a stage ended when it did not raise: `outputs` is the dataclass of its record module.

    `learned` are inputs of the stage that it got to know only while it ran, such as the database that a scan fetches.
    """

    status: Status = "passed"
    outputs: Any = None
    reason: str = ""
    warnings: tuple[str, ...] = ()
    learned: Mapping[str, Any] = field(default_factory=dict)


def skipped(reason: str, outputs: Any = None) -> Result:
    """The stage had nothing to do, and that is no failure."""
    return Result(status="skipped", reason=reason, outputs=outputs)
