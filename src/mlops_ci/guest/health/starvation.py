"""How long a child waited for a core: a machine that is too busy says nothing about the device under test.

What sleeps, as a hang in a driver does, does not wait for a core; what spins for ever gets its share all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlops_ci.guest.health.active.costs import COSTS

SHARE = 0.25
"""Of its time a child must have waited, to be late because of others."""

IMPORT, OTHER = 10.0, 5.0
"""Seconds that the import of torch, and any step without a cost of its own, may take on a core of its own."""

SLOW_CPU, SLOW_START = 3.0, 2.0
"""A CPU may be that many times slower than the one whose costs stand in the catalogue, and some seconds more."""


@dataclass(frozen=True)
class Delay:
    """A child that was late: its seconds in all and in its last step, and how many of each it waited for a core."""

    seconds: float
    waited: float
    step_seconds: float
    step_waited: float
    pressure: str = ""

    def starved(self, step: str, *, cpu: bool) -> bool:
        """Whether others took its time: it waited much, and the rest of its last step was less than this step takes."""
        worked = self.step_seconds - self.step_waited
        return self.waited >= SHARE * self.seconds and worked < usual(step, cpu=cpu)

    def told(self) -> str:
        """In words."""
        return f"it waited {self.waited:.1f} of {self.seconds:.1f} s for a core"


def usual(step: str, *, cpu: bool) -> float:
    """The seconds that a step of an examination takes at most on a core of its own."""
    kind, _, name = step.partition(" ")
    one = next((check for check in COSTS if kind == "active" and check.id == name), None)
    if one is None:
        return IMPORT if step in ("start", "torch import") else OTHER
    return SLOW_CPU * one.cpu_seconds + SLOW_START if cpu else max(one.seconds, SLOW_START)
