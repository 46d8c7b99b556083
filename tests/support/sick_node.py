"""Nodes of a fleet on one machine: on the sick ones torch crashes whenever the health check examines a device."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlops_ci.orchestrators.fanning import CELL
from support.leftovers import of_project

TICK = 0.1
# What a fleet is looked at with: a project that asks for little, and one scanner.
MODEST = """\
[project]
name = "fleet"

[image]
variant = "cpu"
layer = "torch"

[train]
command = "python train.py"
gpus = 0
"""
PLAIN = {"MLOPS_CI_SCAN__SECRETS": "false"}
EXAMINES = " probe device "


@contextmanager
def sick_nodes(folder: Path, sick: Callable[[Path], bool] = lambda _: True) -> Iterator[None]:
    """While this lasts, the examination of a device crashes in jobs below `folder` whose place `sick` says yes to."""
    over = threading.Event()
    thread = threading.Thread(target=_crash, args=(folder, sick, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def of_node(place: Path, node: str) -> bool:
    """Whether the job in this place, one of a matrix that act runs, is that of the node."""
    workspace = next(parent for parent in place.parents if parent.name == "hostexecutor")
    wanted = f"{CELL}={node}".encode()
    for one in of_project(workspace):
        with suppress(OSError):
            if wanted in Path(f"/proc/{one.pid}/environ").read_bytes().split(b"\0"):
                return True
    return False


def _crash(folder: Path, sick: Callable[[Path], bool], over: threading.Event) -> None:
    while not over.wait(TICK):
        for one in of_project(folder):
            if EXAMINES in one.command and sick(Path(one.cwd)):
                with suppress(ProcessLookupError):
                    os.kill(one.pid, signal.SIGSEGV)
