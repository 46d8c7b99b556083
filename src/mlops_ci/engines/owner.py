"""Whose something is: the process that made it, named so that no other process can be taken for it."""

from __future__ import annotations

import os
import platform
from dataclasses import astuple, dataclass
from pathlib import Path

from mlops_ci.guest.processes.linux import stat_fields

# Index of the start time among the fields of /proc/PID/stat that follow the name (proc(5): field 22 of all).
START_TIME = 19


@dataclass(frozen=True)
class Owner:
    """A process: process ids start again at a boot and in each PID namespace, and are used again (`started`)."""

    host: str
    boot: str
    namespace: str
    pid: int
    started: str

    @classmethod
    def current(cls) -> Owner:
        """The process that calls."""
        pid = os.getpid()
        return cls(platform.node(), _boot(), _namespace(), pid, _started(pid) or "")

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """What `text()` gave; None for anything else."""
        parts = text.split("/")
        if len(parts) != 5 or not parts[3].isdigit():
            return None
        return cls(parts[0], parts[1], parts[2], int(parts[3]), parts[4])

    def text(self) -> str:
        """One word for labels, file contents and environment variables."""
        return "/".join(map(str, astuple(self)))

    def is_dead(self, *, across_boots: bool = False) -> bool:
        """Whether the process has certainly ended; False where we cannot know (another machine or PID namespace).

        `across_boots`: the thing in question lies on this machine's disk, so that another boot id is an earlier boot.
        """
        if self.host != platform.node():
            return False
        if self.boot != _boot():
            return across_boots
        return self.namespace == _namespace() and _started(self.pid) != self.started


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:
        return "unknown"


def _started(pid: int) -> str | None:
    """When the process started, in clock ticks since boot; None when there is none, or only its remains."""
    fields = stat_fields(pid)
    return None if fields is None or fields[0] in ("Z", "X") else fields[START_TIME]
