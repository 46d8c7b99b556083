"""The names of checks and limits, for those who write them into settings."""

from __future__ import annotations

from mlops_ci.guest.health.active.limits import DEFAULTS
from mlops_ci.guest.health.tables import table


def checks() -> tuple[str, ...]:
    """The ids of the checks, without what stands for a device or a kind."""
    return tuple(str(row["id"]) for row in table("checks")["checks"])


def is_check(name: str) -> bool:
    """Whether a name means a check, a group of checks, or one kind of a check."""
    return any(name == one or one.startswith(f"{name}.") or name.startswith(f"{one}.") for one in checks())


def limits() -> tuple[str, ...]:
    """The names of all limits."""
    return (*table("limits")["limits"], *DEFAULTS)
