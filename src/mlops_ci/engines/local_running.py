"""A guest that is a process of this machine, for `supervise`."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress

from mlops_ci.engines import leftovers
from mlops_ci.engines.defaults import defaults

CHUNK = 65536
# How often the job's processes are noted (seconds), and how many times longer than one look the pause is at least.
LOOK_EVERY = 1.0
PAUSE_FACTOR = 100.0


class RunningProcess:
    """Its standard input is the leash; its processes are known by `marker`, by session, and from looking at the tree.

    The tree is looked at while the guest lives: when it is killed, a daemon that left its session and its environment
    behind belongs to nobody any more, but we have seen it.
    """

    def __init__(self, child: subprocess.Popen[bytes], *, marker: str) -> None:
        self._child = child
        self._marker = marker
        self._ended = False
        self._seen: dict[int, str] = {}
        self._look_at = 0.0

    def output(self) -> int | None:
        """The pipe's file descriptor; None once it has ended."""
        return None if self._ended or self._child.stdout is None else self._child.stdout.fileno()

    def read(self) -> bytes:
        """What there is of the output."""
        data = b"" if self._child.stdout is None else os.read(self._child.stdout.fileno(), CHUNK)
        self._ended = not data
        return data

    def poll(self) -> int | None:
        """The exit code once the guest has ended, 128 + signal for a killed one."""
        if time.monotonic() > self._look_at:
            self._look()
        code = self._child.poll()
        return code if code is None or code >= 0 else 128 - code

    def send(self, data: bytes) -> None:
        """Write to the guest's standard input; raises `OSError` when it is gone."""
        if self._child.stdin is None or self._child.stdin.closed:
            return
        left = memoryview(data)
        while left:
            left = left[os.write(self._child.stdin.fileno(), left) :]

    def close_leash(self) -> None:
        """Close the guest's standard input."""
        if self._child.stdin is not None:
            with suppress(OSError):
                self._child.stdin.close()

    def kill(self) -> None:
        """Kill everything that belongs to the job."""
        with suppress(OSError):
            self._child.send_signal(signal.SIGKILL)
            leftovers.end(self._alive)

    def end_leftovers(self) -> None:
        """After the guest's end: what it left running, if it was killed, ends by itself soon or is killed."""
        killed = (self.poll() or 0) > 128
        leftovers.end(self._alive, patience=defaults().stop_keeper if killed else 0.0)

    def close(self) -> None:
        """End everything, whatever happened before, and let go of the pipes."""
        self.close_leash()
        leftovers.end(self._alive)
        if self._child.stdout is not None:
            self._child.stdout.close()
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(defaults().stop_kill)

    def _look(self) -> None:
        began = time.monotonic()
        self._seen |= leftovers.below(self._child.pid)
        now = time.monotonic()
        self._look_at = now + max(LOOK_EVERY, PAUSE_FACTOR * (now - began))

    def _alive(self) -> list[int]:
        return leftovers.of_job(self._marker, self._child.pid, self._seen)
