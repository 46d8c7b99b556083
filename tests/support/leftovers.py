"""What belongs to a project or a run: processes that work in its folder, containers, and the processes in these."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.engines.docker_socket import DockerSocket
from mlops_ci.errors import MlopsError


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
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            cwd = os.readlink(entry / "cwd")
        except (OSError, ValueError):
            continue
        if state != "Z":
            found.append(Process(pid=int(entry.name), parent=int(parent), command=command, cwd=cwd))
    return found


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
