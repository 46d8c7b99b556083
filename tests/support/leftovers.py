"""What belongs to a project or a run: processes that work in its folder, containers, and the processes in these."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.engines.docker_socket import DockerSocket
from mlops_ci.errors import MlopsError

# Of a command line no more is looked at (bytes).
LONGEST = 65536


@dataclass(frozen=True)
class Process:
    """A running process."""

    pid: int
    parent: int
    command: str
    cwd: str


def processes() -> list[Process]:
    """All running processes of this machine that we may look at; zombies are no longer running."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            # First what zombies and the kernel's own threads do not have: this is called many times a second.
            cwd = os.readlink(f"/proc/{name}/cwd")
            command = _content(f"/proc/{name}/cmdline").replace(b"\0", b" ").decode(errors="replace")
            state, parent = _content(f"/proc/{name}/stat").rsplit(b")", 1)[1].split()[:2]
        except (OSError, ValueError, IndexError):
            continue
        if state != b"Z":
            found.append(Process(pid=int(name), parent=int(parent), command=command, cwd=cwd))
    return found


def _content(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, LONGEST)
    finally:
        os.close(file)


def of_project(folder: Path) -> list[Process]:
    """The processes that work in the folder or name it in their command line, but for this one."""
    place = str(folder)
    return [
        one
        for one in processes()
        if one.pid != os.getpid()
        and (one.cwd == place or one.cwd.startswith(f"{place}/") or f"{place}/" in one.command)
    ]


def containers(run: str) -> list[dict[str, Any]]:
    """The containers of a run, in any state; without an engine there are none."""
    try:
        return DockerSocket().containers(label=f"io.mlops-ci.run={run}")
    except MlopsError:
        return []


def of_containers(found: list[dict[str, Any]]) -> list[Process]:
    """The processes in these containers, by their control groups."""
    ids = [str(one["Id"]) for one in found]
    return [one for one in processes() if any(id_ in _groups(one.pid) for id_ in ids)] if ids else []


def _groups(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return ""
