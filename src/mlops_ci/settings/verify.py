"""The table `[verify]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlops_ci.settings.units import Duration


@dataclass(frozen=True, kw_only=True)
class VerifySettings:
    """May this node train in this image?"""

    budget: Duration = Duration(60)
    """Time for all checks; what was not reached is SKIP."""
    min_gpus: int | None = None
    """GPUs that must be usable. Default: as many as `[train] gpus`."""
    fail_on: Literal["degraded", "unhealthy"] = "unhealthy"
    """The verdict from which on training does not start."""
