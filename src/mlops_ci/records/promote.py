"""Outputs of the promote stage."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PromoteOutputs:
    """Versions of the model that `alias` pointed to before and after; equal when the champion was kept."""

    alias: str
    from_: str | None
    to: str | None
    approved_by: str | None = None
