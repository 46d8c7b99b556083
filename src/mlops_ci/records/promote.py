"""Outputs of the promote stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mlops_ci.records.marks import VOLATILE


@dataclass(frozen=True, kw_only=True)
class PromoteOutputs:
    """Versions of the model that `alias` pointed to before and after; equal when the champion was kept."""

    alias: str
    from_: str | None
    to: str | None
    approved_by: Annotated[str | None, VOLATILE] = None
