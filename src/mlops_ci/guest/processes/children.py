"""The children of this process: start one as a session of its own, reap all, end all that are left."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import IO, Any

from mlops_ci.guest.processes import linux

KILL_LIMIT = 5.0


class Children:
    """Owns waitpid for the whole process: orphans that come to us are reaped too."""

    def __init__(self) -> None:
        self._ended: dict[int, int] = {}
        self._started: dict[int, subprocess.Popen[bytes]] = {}

    def start(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: str,
        output: int | IO[bytes] | None,
        terminal: int | None = None,
    ) -> int:
        """Start a program in its own session with nothing on its standard input; gives its process id.

        `output` takes standard output and standard error; None lets it share ours. With `terminal`, the inner end of a
        pseudo-terminal, all three are that, and it is the session's own. Raises `OSError` when the program cannot be
        started.
        """
        output = output if terminal is None else terminal
        started: subprocess.Popen[bytes] = subprocess.Popen(
            list(argv),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            start_new_session=True,
            # Safe beside the sampling thread: between fork and exec it only makes system calls.
            preexec_fn=partial(linux.prepare_job, os.getpid(), terminal is not None),  # noqa: PLW1509
        )
        self._started[started.pid] = started
        return started.pid

    def reap(self) -> None:
        """Collect every child that has ended, without waiting."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._ended[pid] = status
            known = self._started.pop(pid, None)
            if known is not None:
                known.returncode = exit_code_of(status)

    def status(self, pid: int) -> int | None:
        """The wait status of a child that has ended, else None."""
        return self._ended.get(pid)

    def alive(self) -> list[int]:
        """Everything below us that still lives, orphans included; without a /proc, what we started ourselves."""
        return linux.descendants(os.getpid()) or list(self._started)

    def signal_all(self, number: int, *, but: Sequence[int] = ()) -> int:
        """Send a signal to everything below us; the count of processes reached."""
        return sum(send(pid, number) for pid in self.alive() if pid not in but)

    def destroy(self, limit: float = KILL_LIMIT) -> list[int]:
        """SIGKILL everything below us until nothing is left; what survives `limit` seconds is returned."""
        deadline = time.monotonic() + limit
        while True:
            self.reap()
            left = self.alive()
            if not left or time.monotonic() > deadline:
                self.reap()
                return left
            for pid in left:
                send(pid, signal.SIGKILL)
            time.sleep(0.02)


def send(pid: int, number: int) -> bool:
    """Send a signal; False when the process is gone or not ours."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def exit_code_of(status: int) -> int:
    """A wait status as Python's `Popen.returncode`: the exit code, or minus the signal."""
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def shell_code(code: int) -> int:
    """A return code as a shell shows it: 128 + signal for a killed program."""
    return 128 - code if code < 0 else code


def closing(*handles: int) -> None:
    """Close file descriptors, whatever state they are in."""
    for handle in handles:
        try:
            os.close(handle)
        except OSError:
            continue


def ignore(*_: Any) -> None:
    """A signal handler whose only use is to wake up the loop that reads the wake-up pipe."""
