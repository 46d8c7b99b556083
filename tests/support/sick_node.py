"""Nodes of a fleet on one machine: on the sick ones torch crashes whenever the health check examines a device."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

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


def label_of(place: Path) -> str:
    """The label of the GPU runner that the run in this place was planned for."""
    runs = next(parent for parent in place.parents if parent.parent.name == "runs")
    (label,) = json.loads((runs / "records" / "plan.json").read_text())["outputs"]["runners"]["gpu"]
    return str(label)


def _crash(folder: Path, sick: Callable[[Path], bool], over: threading.Event) -> None:
    while not over.wait(TICK):
        for one in of_project(folder):
            if EXAMINES in one.command and sick(Path(one.cwd)):
                with suppress(ProcessLookupError):
                    os.kill(one.pid, signal.SIGSEGV)
