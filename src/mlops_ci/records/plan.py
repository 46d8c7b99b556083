"""Outputs of the plan stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """`nothing_new`: code, data, image, config and seed equal those of the newest finished run.

    `runners`: labels by class of machine. `left_out`: stages that no job of the pipeline runs, with the reason.
    """

    images: Mapping[str, PlannedImage]
    data_digest: str | None
    trusted: bool
    runner: str
    nothing_new: bool
    trusted_because: str = ""
    runners: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
