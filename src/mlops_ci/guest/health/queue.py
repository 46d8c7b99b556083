"""How long a child waited for a core: a machine that is too busy says nothing about the device under test.

The kernel counts it per thread (Documentation/scheduler/sched-stats: /proc/PID/schedstat, second number). What sleeps,
as a hang in a driver does, does not wait for a core; what spins for ever gets its share all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.guest.health.active.catalogue import CHECKS

PROC = Path("/proc")
NANO = 1e-9
SESSION = 3
"""The place of the session among the fields of /proc/PID/stat behind the name (proc(5))."""

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
    one = next((check for check in CHECKS if kind == "active" and check.id == name), None)
    if one is None:
        return IMPORT if step in ("start", "torch import") else OTHER
    return SLOW_CPU * one.cpu_seconds + SLOW_START if cpu else max(one.seconds, SLOW_START)


def waits(pid: int, *, proc: Path = PROC) -> dict[int, float]:
    """The seconds that each thread of a process has waited for a core; nothing where the kernel does not tell."""
    found = {}
    for path in proc.joinpath(str(pid), "task").glob("*/schedstat"):
        try:
            found[int(path.parent.name)] = int(path.read_text().split()[1]) * NANO
        except (OSError, ValueError, IndexError):
            continue
    return found


def session_waits(leader: int, *, proc: Path = PROC) -> dict[int, float]:
    """The same of all processes of a session."""
    found: dict[int, float] = {}
    for pid in _session(leader, proc):
        found.update(waits(pid, proc=proc))
    return found


def longest(now: Mapping[int, float], before: Mapping[int, float]) -> float:
    """What the thread that waited most has waited since."""
    return max((seconds - before.get(thread, 0.0) for thread, seconds in now.items()), default=0.0)


def pressure(path: Path = PROC / "pressure" / "cpu") -> str:
    """How busy the kernel says that the processors are (Documentation/accounting/psi), where it does."""
    try:
        return path.read_text().splitlines()[0].strip()
    except (OSError, IndexError):
        return ""


def _session(leader: int, proc: Path) -> Iterator[int]:
    for path in proc.glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        if fields[SESSION] == str(leader):
            yield int(path.parent.name)
