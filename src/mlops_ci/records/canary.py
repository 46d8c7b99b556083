"""Outputs of a night's canary: a second cell of another image or torch, shown beside, that decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from mlops_ci.records.evaluate import Champion, Verdict
from mlops_ci.records.marks import VOLATILE


@dataclass(frozen=True, kw_only=True)
class CanaryChange:
    """A setting that the overlay changes; `before` and `after` are TOML."""

    key: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class CanaryOutputs:
    """`overlay` is its `[mode.NAME]`, `cell` the run of its own, null when that never began.

    `verdict` and `why` are those of its evaluation, `metrics` its own, `night` those of the night, `champion` what both
    were held against. `image` is the one that trained. `stage` is where it failed, null when it did not.
    """

    overlay: str
    cell: Annotated[str | None, VOLATILE] = None
    changed: tuple[CanaryChange, ...] = ()
    image: Annotated[str | None, VOLATILE] = None
    image_digest: Annotated[str | None, VOLATILE] = None
    content_key: str | None = None
    variant: str | None = None
    verdict: Verdict | None = None
    why: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    night: Mapping[str, float] = field(default_factory=dict)
    champion: Champion | None = None
    stage: str | None = None
