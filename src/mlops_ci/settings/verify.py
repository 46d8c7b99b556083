"""The table `[verify]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from mlops_ci.settings.marks import Example, Stricter
from mlops_ci.settings.table import Table
from mlops_ci.settings.units import Duration
from mlops_ci.settings.words import Count


@dataclass(frozen=True, kw_only=True)
class VerifySettings(Table):
    """May this node train in this image?"""

    budget: Duration = Duration(60)
    """Time for all checks; what was not reached is SKIP."""
    min_gpus: Annotated[Count | None, Example(1), Stricter("higher")] = None
    """GPUs that must be usable. Default: as many as `[train] gpus`."""
    fail_on: Annotated[Literal["degraded", "unhealthy"], Stricter("earlier")] = "unhealthy"
    """The verdict from which on training does not start."""
