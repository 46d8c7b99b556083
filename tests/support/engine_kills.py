"""Runs the engine driver as a process of its own, kills things, and looks at what is left."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlops_ci.guest.processes.linux import processes, stat_fields

from . import engine_driver
from .engine_jobs import Place
from .leftovers import Process, containers, of_containers, of_project

GONE_WITHIN = 10.0
GUEST = "guest.pyz run"

# A job that starts two daemons, which leave their session and their parent behind, and one of them its environment too;
# then it says that it is ready. The engine looks at its processes every second.
DAEMON_JOB = """
    import os, signal, subprocess, sys, time
    code = "import os, time; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); time.sleep(600)"
    subprocess.run([sys.executable, "-c", code, "job-daemon"])
    if os.environ.get("HIDE"):
        subprocess.run([sys.executable, "-c", code, "job-daemon"], env={})
        time.sleep(1.5)
    time.sleep(0.3)
    print("ready", flush=True)
    time.sleep(600)
"""

# A job that saves its work when it is asked to stop.
SAVING_JOB = """
    import os, pathlib, signal, sys, time
    def save(number, frame):
        time.sleep(0.5)
        (pathlib.Path(os.environ["MLOPS_OUTPUT_DIR"]) / "checkpoint").write_text("saved")
        print("saved", flush=True)
        sys.exit(0)
    signal.signal(signal.SIGTERM, save)
    print("ready", flush=True)
    time.sleep(600)
"""


class Driver:
    """The stand-in for the command line tool, running one job."""

    def __init__(self, place: Place, script: str, **options: Any) -> None:
        place.folder.mkdir(parents=True, exist_ok=True)
        path = place.folder / "script.py"
        path.write_text(script)
        root = Path(__file__).parents[1]
        self.child = subprocess.Popen(
            [
                sys.executable,
                engine_driver.__file__,
                place.name,
                place.ref,
                str(place.folder),
                str(path),
                json.dumps(options),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *sys.path])},
            start_new_session=True,
        )
        self.lines: list[str] = []
        self.result: dict[str, Any] | None = None

    def until(self, text: str) -> None:
        """Read on until the job has said `text`."""
        for message in self._messages():
            if message.get("line") == text:
                return
        raise AssertionError(f"the job never said {text!r}: {self.lines} {self.errors()}")

    def finish(self) -> int:
        """Read to the end; the exit code."""
        for _ in self._messages():
            pass
        return self.child.wait(60)

    def errors(self) -> str:
        """What it said on standard error."""
        return self.child.stderr.read().decode() if self.child.stderr else ""

    def _messages(self) -> Iterator[dict[str, Any]]:
        assert self.child.stdout is not None
        for raw in self.child.stdout:
            message = json.loads(raw)
            if "line" in message:
                self.lines.append(message["line"])
            self.result = message.get("result", self.result)
            yield message

    def close(self) -> None:
        """End it, and let go of its pipes."""
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        for stream in (self.child.stdout, self.child.stderr):
            if stream is not None:
                stream.close()


@contextlib.contextmanager
def driving(place: Place, script: str, **options: Any) -> Iterator[Driver]:
    """A driver for the time of a `with` block."""
    driver = Driver(place, script, **options)
    try:
        yield driver
    finally:
        driver.close()


def job_processes(place: Place, run: str) -> list[Process]:
    """All processes of the job: on this machine by their folder, in containers by their control group."""
    if place.name != "docker":
        return [one for one in of_project(place.folder) if "engine_driver" not in one.command]
    return of_containers(containers(run))


def guests(place: Place, run: str) -> list[int]:
    """The guest's two processes: the warden first, then its keeper."""
    found = [one.pid for one in job_processes(place, run) if GUEST in one.command and "docker-init" not in one.command]
    tree = processes()
    return sorted(found, key=lambda pid: any(pid in tree.get(other, ()) for other in found))


def job_pid(place: Place, run: str) -> int:
    """The user's own process."""
    return next(one.pid for one in job_processes(place, run) if one.command.rstrip().endswith("job.py"))


def left_after(place: Place, run: str, seconds: float = GONE_WITHIN) -> list[str]:
    """What of a job is still there after at most `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        left = [one.command for one in job_processes(place, run)]
        if place.name == "docker":
            left += [f"container {one['Id'][:12]} {one['State']}" for one in containers(run)]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.1)


def kill(*pids: int) -> None:
    """SIGKILL to all of them at one moment: stopped first, so that none can react to another's end."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def alive(pid: int) -> bool:
    """Whether a process still runs."""
    fields = stat_fields(pid)
    return fields is not None and fields[0] not in ("Z", "X")
