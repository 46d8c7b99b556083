"""Waiting for a core, as the kernel counts it per thread: /proc/PID/schedstat (Documentation/scheduler/sched-stats)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

PROC = Path("/proc")
NANO = 1e-9
SESSION = 3
"""The place of the session among the fields of /proc/PID/stat behind the name (proc(5))."""


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
