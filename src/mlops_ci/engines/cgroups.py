"""A memory limit for a process and its descendants, where we may make a control group (Linux cgroups v2 and v1)."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.engines.owner import Owner

ROOT = Path("/sys/fs/cgroup")
PREFIX = "mlops-ci-"


@dataclass(frozen=True, kw_only=True)
class _Version:
    """How a version of cgroups names things: limits in the order of writing, and the kill counter."""

    limits: tuple[str, ...]
    events: str


V2 = _Version(limits=("memory.max",), events="memory.events")
V1 = _Version(limits=("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"), events="memory.oom_control")


@dataclass(frozen=True, kw_only=True)
class MemoryGroup:
    """A control group of ours."""

    folder: Path
    version: _Version

    def add(self, pid: int) -> bool:
        """Put a process in, and with it what it starts from now on; False when we may not."""
        try:
            _write(self.folder / "cgroup.procs", str(pid))
        except ProcessLookupError:
            # It has ended already.
            return True
        except OSError:
            return False
        return True

    def killed(self) -> bool:
        """Whether the kernel has killed something in here for want of memory."""
        try:
            lines = (self.folder / self.version.events).read_text().splitlines()
        except OSError:
            return False
        return any(name == "oom_kill" and int(count) > 0 for name, _, count in (line.partition(" ") for line in lines))


@contextmanager
def memory_group(limit_bytes: int | None, *, root: Path = ROOT) -> Iterator[MemoryGroup | None]:
    """A control group with this limit, removed after the block; None where there is no limit or we may not make one."""
    group = None if limit_bytes is None else _create(limit_bytes, root)
    try:
        yield group
    finally:
        if group is not None:
            _remove(group.folder)


def sweep(root: Path = ROOT) -> int:
    """Remove the empty groups of processes of ours that have died; how many there were."""
    removed = 0
    for parent, _ in _parents(root):
        for folder in parent.glob(f"{PREFIX}*"):
            owner = _owner(folder)
            if owner is not None and owner.is_dead(across_boots=True):
                with suppress(OSError):
                    folder.rmdir()
                    removed += 1
    return removed


def _create(limit_bytes: int, root: Path) -> MemoryGroup | None:
    for parent, version in _parents(root):
        owner = Owner.current()
        folder = parent / f"{PREFIX}{owner.text().replace('/', ',')},{secrets.token_hex(4)}"
        try:
            folder.mkdir()
        except OSError:
            continue
        group = MemoryGroup(folder=folder, version=version)
        if _limited(group, limit_bytes):
            return group
        _remove(folder)
    return None


def _limited(group: MemoryGroup, limit_bytes: int) -> bool:
    """Write the limit, for main memory and with swap; False when the first can't be written."""
    first, *more = group.version.limits
    try:
        _write(group.folder / first, str(limit_bytes))
    except OSError:
        return False
    # Swap may not be accounted for on this machine; then there is nothing to limit.
    with suppress(OSError):
        for name in more:
            _write(group.folder / name, str(limit_bytes))
    with suppress(OSError):
        _write(group.folder / "memory.swap.max", "0")
    return True


def _write(path: Path, text: str) -> None:
    """Control files exist already: opening one never creates it."""
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)


def _remove(folder: Path) -> None:
    """The last processes of a group may take a moment to leave it."""
    for _ in range(50):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)
        else:
            return


def _parents(root: Path) -> Iterator[tuple[Path, _Version]]:
    """Where a group with a memory limit can be made: below our own group (v1), or beside it or above (v2).

    In v2 a group that has processes gives its children no controllers, so ours must be a sibling or higher.
    """
    for line in _own_groups():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            yield root / "memory" / path.strip("/"), V1
        elif not controllers:
            own = root / path.strip("/")
            for parent in (own, *own.parents):
                if _gives_memory(parent):
                    yield parent, V2
                if parent == root:
                    break


def _gives_memory(folder: Path) -> bool:
    try:
        return "memory" in (folder / "cgroup.subtree_control").read_text().split()
    except OSError:
        return False


def _own_groups() -> list[str]:
    try:
        return Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []


def _owner(folder: Path) -> Owner | None:
    return Owner.parse(folder.name.removeprefix(PREFIX).rpartition(",")[0].replace(",", "/"))
