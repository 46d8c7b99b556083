"""Memory as the kernel accounts it for our control group (v1 and v2): limit, working set, kills for lack of memory.

Formats: the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst. In a container the group's
folder is the root of the mount (its own namespace), or the path of /proc/self/cgroup below it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

NO_LIMIT = 1 << 60
"""cgroup v1 writes a number near 2^63 for "no limit"."""


@dataclass(frozen=True)
class MemoryGroup:
    """The folder of a memory control group; `version` is 1 or 2."""

    folder: Path
    version: int

    def limit_bytes(self) -> int | None:
        """The hard limit; None for no limit or when it cannot be seen."""
        value = _number(self.folder / ("memory.max" if self.version == 2 else "memory.limit_in_bytes"))
        return None if value is None or value >= NO_LIMIT else value

    def working_set_bytes(self) -> int | None:
        """What cannot be dropped: usage without the inactive page cache (as `docker stats` shows it)."""
        usage = _number(self.folder / ("memory.current" if self.version == 2 else "memory.usage_in_bytes"))
        if usage is None:
            return None
        stat = _table(self.folder / "memory.stat")
        return max(0, usage - stat.get("inactive_file" if self.version == 2 else "total_inactive_file", 0))

    def oom_kills(self) -> int:
        """Processes of this group that the kernel killed for lack of memory, since the group exists."""
        return _table(self.folder / ("memory.events" if self.version == 2 else "memory.oom_control")).get("oom_kill", 0)

    def members(self) -> set[int]:
        """The processes of this group itself."""
        try:
            return {int(pid) for pid in (self.folder / "cgroup.procs").read_text().split()}
        except (OSError, ValueError):
            return set()


def memory_group(own: Path = Path("/proc/self/cgroup"), mount: Path = Path("/sys/fs/cgroup")) -> MemoryGroup | None:
    """The memory control group of this process, or None where it cannot be seen."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if "memory" in controllers.split(","):
            found = _existing(mount / "memory", path, "memory.usage_in_bytes")
            if found is not None:
                return MemoryGroup(found, 1)
        if controllers == "":
            found = _existing(mount, path, "memory.current") or _existing(mount, path, "memory.events")
            if found is not None:
                return MemoryGroup(found, 2)
    return None


def owned(group: MemoryGroup | None, tree: set[int]) -> bool:
    """Whether the group holds nothing but our process tree (a container), so that its figures are the job's."""
    if group is None:
        return False
    members = group.members()
    return bool(members) and members <= tree


def machine_oom_kills(vmstat: Path = Path("/proc/vmstat")) -> int:
    """Kills for lack of memory on the whole machine since boot; needs no privilege, also in a container."""
    return _table(vmstat).get("oom_kill", 0)


def _existing(mount: Path, path: str, name: str) -> Path | None:
    for folder in (Path(os.path.normpath(f"{mount}/{path}")), mount):
        if (folder / name).is_file():
            return folder
    return None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _table(path: Path) -> dict[str, int]:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    pairs = [line.split() for line in lines]
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
