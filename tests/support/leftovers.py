"""Processes that belong to a project: their working directory or command line lies in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


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
