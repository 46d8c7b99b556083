"""Outputs of the plan stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class PlannedImage:
    """A layer's image: `ref` is what will run (an image reference, or `env:PATH` on the host engine)."""

    ref: str
    content_key: str
    action: Literal["build", "reuse"]
    why: str


@dataclass(frozen=True, kw_only=True)
class PlanOutputs:
    """`nothing_new`: code, data, image, config and seed equal those of the newest finished run."""

    images: Mapping[str, PlannedImage]
    data_digest: str | None
    trusted: bool
    runner: str
    nothing_new: bool
