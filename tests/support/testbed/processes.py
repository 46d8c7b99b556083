"""Detached processes: started with a log, recognised again by a later command, stopped with their whole group."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_children: dict[int, subprocess.Popen[bytes]] = {}


def launch(argv: Sequence[str], *, log: Path, environment: Mapping[str, str], cwd: Path) -> int:
    """Start `argv` in its own session, so that it outlives the caller; gives the process id."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=cwd,
            start_new_session=True,
        )
    _children[child.pid] = child
    return child.pid


def identity(pid: int) -> tuple[int, str]:
    """Start time in clock ticks since boot (proc(5), stat field 22) and the boot; 0 when there is no such process."""
    boot = BOOT_ID.read_text().strip()
    fields = _stat(pid)
    return (int(fields[19]), boot) if fields else (0, boot)


def is_alive(pid: int, started: int, boot: str) -> bool:
    """Whether this very process still runs; a zombie does not."""
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        return False
    fields = _stat(pid)
    return bool(fields) and fields[0] != "Z" and (int(fields[19]), boot) == (started, BOOT_ID.read_text().strip())


def stop(pid: int, started: int, boot: str, *, grace: float) -> None:
    """Ask the process to end, wait `grace` seconds (0: do not ask), then kill its whole group."""
    if is_alive(pid, started, boot):
        if grace:
            os.kill(pid, signal.SIGTERM)
            wait_for_end(pid, started, boot, seconds=grace)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        wait_for_end(pid, started, boot, seconds=10)
    child = _children.pop(pid, None)
    if child is not None:
        child.wait(timeout=10)


def wait_for_end(pid: int, started: int, boot: str, *, seconds: float) -> bool:
    """Whether the process ended within that time."""
    deadline = time.monotonic() + seconds
    while is_alive(pid, started, boot):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def naming(text: str) -> list[int]:
    """The processes whose command line holds `text` (a path of ours that nobody else passes)."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with contextlib.suppress(OSError):
                if text.encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
    return found


def children(parents: Collection[int]) -> list[int]:
    """The processes whose parent is one of these."""
    every = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
    return [pid for pid in every if (fields := _stat(pid)) and int(fields[1]) in parents]


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the command's name, the state first; empty when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()
