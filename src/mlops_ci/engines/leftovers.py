"""Processes of a job that are still there, wherever they hid: found by session or by a mark in their environment."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from mlops_ci.engines.defaults import defaults
from mlops_ci.engines.environment import MARKER
from mlops_ci.engines.owner import START_TIME, Owner
from mlops_ci.guest.processes.linux import descendants, stat_fields

# Indices among the fields of /proc/PID/stat that follow the name (proc(5): parent is field 4 of all, session field 6).
PARENT, SESSION = 1, 3
STEP = 0.05
# The end of its name: `mlops-guest.pyz` here, `guest.pyz` in a container.
GUEST_NAME = b"guest.pyz"


def of_job(marker: str, session: int, seen: Mapping[int, str]) -> list[int]:
    """The living processes that carry this marker, belong to the session that the guest led, or were `seen` before."""
    return [
        pid
        for pid, fields in _processes()
        if int(fields[SESSION]) == session or seen.get(pid) == fields[START_TIME] or _marker(pid) == marker
    ]


def below(pid: int) -> dict[int, str]:
    """The descendants of a process, each with its start time, by which it is not mistaken for a later one."""
    found = ((one, stat_fields(one)) for one in descendants(pid))
    return {one: fields[START_TIME] for one, fields in found if fields is not None}


def of_dead_owners() -> list[int]:
    """The living processes of jobs whose mlops-ci has died; never one that we ourselves descend from."""
    spared = set(_ancestry())
    found = []
    # One question per process: whoever has no environment (a zombie, the kernel's own) has no marker either.
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        marker = _marker(pid)
        owner = Owner.parse(marker.rpartition("/")[0]) if marker else None
        if owner is not None and pid not in spared and owner.is_dead():
            found.append(pid)
    return found


def of_container(container: str) -> list[int]:
    """The living processes of a container on this machine, found by their control group."""
    found = []
    for pid, _ in _processes():
        with suppress(OSError):
            if container in Path(f"/proc/{pid}/cgroup").read_text():
                found.append(pid)
    return found


def ask_to_stop(pids: list[int]) -> None:
    """SIGTERM to the guests among them."""
    for pid in filter(_is_guest, pids):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)


def end(find: Callable[[], list[int]], *, patience: float = 0.0) -> int:
    """Kill until `find` finds nothing more; how many were killed.

    A guest among them still stops its job politely and saves its work: it gets up to `patience` seconds for that.
    """
    left = find()
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and any(map(_is_guest, left)):
        time.sleep(STEP)
        left = find()
    killed: set[int] = set()
    deadline = time.monotonic() + defaults().stop_kill
    while left and time.monotonic() < deadline:
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
        time.sleep(STEP)
        left = find()
    return len(killed)


def _processes() -> Iterator[tuple[int, list[str]]]:
    for name in os.listdir("/proc"):
        fields = stat_fields(int(name)) if name.isdigit() else None
        if fields is not None and fields[0] not in ("Z", "X"):
            yield int(name), fields


def _marker(pid: int) -> str | None:
    """The marker in a process's environment as it was at its start; other users' processes show us nothing."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return None
    prefix = f"{MARKER}=".encode()
    if prefix not in environment:
        return None
    variables = environment.split(b"\0")
    return next((one[len(prefix) :].decode("utf-8", "replace") for one in variables if one.startswith(prefix)), None)


def _is_guest(pid: int) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(word.endswith(GUEST_NAME) and follower == b"run" for word, follower in pairwise(words))


def _ancestry() -> Iterator[int]:
    pid = os.getpid()
    while pid > 0:
        yield pid
        fields = stat_fields(pid)
        pid = int(fields[PARENT]) if fields is not None else 0
