"""Starts the guest as an engine does: the real zipapp, a task file, a pipe on its standard input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.leftovers import Process, of_project

TORCH_PYTHON = "MLOPS_CI_TEST_TORCH_PYTHON"
FOLDERS = ("job", "work", "checkpoints", "model", "tmp")


@dataclass
class GuestJob:
    """One task in a folder of its own. `task` may be changed before `start`."""

    zipapp: Path
    folder: Path
    python: str = sys.executable
    task: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        for name in FOLDERS:
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.task = {
            "schema": "mlops-ci/task/1",
            "run": "run-1",
            "stage": "train",
            "kind": "command",
            "paths": {name: str(self.folder / name) for name in FOLDERS},
            "commands": [],
            "environment": {},
            "params": {},
            "seed": 0,
            "timeout": 60,
            "grace": 3,
            "stall": None,
            "metrics": {},
            "sample_seconds": 0.5,
            "model": None,
            "expect": {},
            "secrets": [],
            **self.task,
        }

    def script(self, text: str, name: str = "train.py") -> None:
        """Put a program into the working directory, and make it the command."""
        (self.folder / "work" / name).write_text(text)
        self.task["commands"] = [{"name": "train", "command": f"python {name}"}]

    def start(self, *, before: tuple[str, ...] = (), **options: Any) -> subprocess.Popen[bytes]:
        """Start the guest; its standard input is a pipe that this process holds. `before` wraps its command line."""
        path = self.folder / "job" / "task.json"
        path.write_text(json.dumps(self.task))
        argv = [*before, self.python, str(self.zipapp), "run", str(path)]
        output = options.pop("stdout", subprocess.PIPE)
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=output, **options)
        return self.process

    def run(self, *, limit: float = 60, **options: Any) -> tuple[int, str]:
        """Run to the end while holding the leash; the exit code and what was shown."""
        process = self.start(**options)
        assert process.stdin is not None
        try:
            shown = process.stdout.read() if process.stdout is not None else b""
            return process.wait(limit), shown.decode("utf-8", "replace")
        finally:
            self.end()

    def end(self) -> None:
        """Let go of everything; what a failed test left running is killed by its process id."""
        if self.process is None:
            return
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)

    def outcome(self) -> dict[str, Any]:
        """What the guest wrote last."""
        return json.loads((self.folder / "job" / "outcome.json").read_text())

    def lines(self, name: str) -> list[dict[str, Any]]:
        """A file of JSON lines in the job folder."""
        return [json.loads(line) for line in (self.folder / "job" / name).read_text().splitlines()]

    def log(self) -> str:
        """The job's log as it was kept."""
        return (self.folder / "job" / "log.txt").read_text()

    def running(self) -> list[Process]:
        """What still lives of this job: works in its folder or names it."""
        return of_project(self.folder)


def until(condition: Callable[[], Any], limit: float = 15) -> Any:
    """Wait for a condition and give its value; fails after `limit` seconds."""
    deadline = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not true within {limit} s"
        time.sleep(0.02)


def torch_python() -> str | None:
    """An interpreter with torch, NumPy, scikit-learn and pytest: the variable's, or our own when it has them."""
    named = os.environ.get(TORCH_PYTHON)
    if named:
        return named
    import importlib.util

    wanted = ("torch", "numpy", "sklearn", "pytest")
    return sys.executable if all(importlib.util.find_spec(name) for name in wanted) else None
