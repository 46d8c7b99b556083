"""Processor time and memory of a process tree, from /proc (proc(5))."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from mlops_ci.guest.processes import linux

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
UTIME, STIME, RSS = 11, 12, 21
"""Positions in /proc/PID/stat counted from the state."""


@dataclass
class TreeMeter:
    """Measures everything below `root`. Pages that processes share are counted once for each of them."""

    root: int
    _seconds: dict[int, float] = field(default_factory=dict)
    _at: float | None = None

    def measure(self, now: float) -> tuple[float | None, int]:
        """Percent of one core used since the last call (None the first time), and resident bytes."""
        current: dict[int, float] = {}
        resident = 0
        for pid in linux.below(self.root):
            fields = linux.stat_fields(pid)
            if fields is not None and fields[0] not in linux.ENDED:
                current[pid] = (int(fields[UTIME]) + int(fields[STIME])) / TICKS
                resident += int(fields[RSS]) * PAGE
        used = sum(max(0.0, seconds - self._seconds.get(pid, 0.0)) for pid, seconds in current.items())
        elapsed = None if self._at is None else now - self._at
        self._seconds, self._at = current, now
        return (None if not elapsed else 100.0 * used / elapsed), resident


def processor_name(path: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name as the kernel shows it, or an empty text."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
