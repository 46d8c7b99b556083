"""The table `[verify]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from mlops_ci.settings.marks import Example, Form, Stricter
from mlops_ci.settings.table import Table
from mlops_ci.settings.units import Duration
from mlops_ci.settings.words import Count, Text

Silenced = Annotated[
    str, Form(r"^\d{4}-\d{2}-\d{2} \S", "the last day and the reason, such as 2026-12-31 capped by the operator")
]


@dataclass(frozen=True, kw_only=True)
class VerifySettings(Table):
    """May this node train in this image?"""

    budget: Duration = Duration(60)
    """Time for all checks; what was not reached is SKIP. Up to 15 seconds the level is `quick`, up to 60 `standard`,
    else `long`."""
    level: Annotated[Literal["static", "quick", "standard", "long"] | None, Example("static")] = None
    """Which checks, whatever the budget; `static` uses no GPU."""
    only: tuple[Text, ...] = ()
    """These checks alone, by id or its first words (`numerics`, `remap.pending`); what blocks is told all the same."""
    silence: Mapping[str, Silenced] = field(default_factory=dict)
    """Findings that are known and accepted: the check, the last day, the reason. They are SKIP then, never a pass."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """Other limits than those of the table of the health check (`power.limit = 0.8`)."""
    min_gpus: Annotated[Count | None, Example(1), Stricter("higher")] = None
    """GPUs that must be usable. Default: as many as `[train] gpus`."""
    fail_on: Annotated[Literal["degraded", "unhealthy"], Stricter("earlier")] = "unhealthy"
    """The verdict from which on training does not start."""
    max_age: Annotated[Duration | None, Example("1h")] = None
    """How long what was computed on the same GPUs, since the same boot, in the same image, counts: only what costs no
    GPU time is looked at anew. Default: each run computes."""
    history: Annotated[Text | None, Example("s3://bucket/health")] = None
    """A folder (relative to this file) or s3://bucket/prefix that keeps every verdict: `mlops-ci verify --history`."""
