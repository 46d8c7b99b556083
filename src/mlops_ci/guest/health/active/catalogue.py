"""All active checks, in the order in which they run."""

from __future__ import annotations

from mlops_ci.guest.health.active import device
from mlops_ci.guest.health.active.context import ActiveCheck

CHECKS: tuple[ActiveCheck, ...] = (ActiveCheck("device.context", 2, 15, device.run),)
