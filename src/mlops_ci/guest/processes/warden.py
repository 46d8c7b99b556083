"""Two processes watch over a job, so that no single kill -9 leaves anything behind.

The *warden* is the process that the engine started. It holds the leash (standard input) and does nothing else. The
*keeper*, its child, runs the job. Both are subreapers, so every descendant, also one that made itself a daemon,
comes to one of them when its parent dies:

- the control side dies: standard input ends; the warden closes the keeper's pipe; the keeper stops the job gently;
- the warden is killed: the keeper's pipe ends, and it does the same;
- the keeper is killed: the job's first process gets SIGKILL (PR_SET_PDEATHSIG), the rest come to the warden, which
  kills them.
"""

from __future__ import annotations

import os
import select
import signal
import time
import traceback
from collections.abc import Callable
from typing import NoReturn

from mlops_ci.guest import exits
from mlops_ci.guest.processes import linux
from mlops_ci.guest.processes.children import Children, closing, exit_code_of, send
from mlops_ci.guest.processes.signals import SignalPipe

AFTER_LOST_LEASH = 8.5
"""Seconds after which the warden no longer waits for a keeper without a leash: 5 s of grace, the kill, the outcome."""


def guard(body: Callable[[int], int], on_crash: Callable[[int], int], *, leash: int = 0, relay: bool = False) -> int:
    """Run `body(leash pipe)` in a keeper process and give its exit code, once nothing below us lives any more.

    `body` gets a file descriptor that reaches end of file when the leash is lost. `on_crash(signal)` gives the exit
    code for a keeper that was killed. `leash` is the descriptor that the control side holds. With `relay`, what is
    written to it comes out of the leash pipe; the body must then always read that.
    """
    linux.become_subreaper()
    read_end, write_end = os.pipe()
    parent = os.getpid()
    keeper = os.fork()
    if keeper == 0:
        closing(write_end)
        _keep(body, read_end, parent)
    closing(read_end)
    code = _Warden(keeper, write_end, leash, relay=relay).watch()
    return on_crash(-code) if code < 0 else code


def _keep(body: Callable[[int], int], leash: int, parent: int) -> NoReturn:
    code = exits.INTERNAL
    try:
        os.setsid()
        linux.become_subreaper()
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        closing(null)
        code = body(leash) if os.getppid() == parent else exits.TERMINATED
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


class _Warden:
    def __init__(self, keeper: int, pipe: int, leash: int, *, relay: bool) -> None:
        self.keeper = keeper
        self.relay = relay
        self.pipe = pipe
        self.leash: int | None = leash
        self.lost_at: float | None = None
        self.children = Children()
        self.signals = SignalPipe()

    def watch(self) -> int:
        """Wait for the keeper; its return code, negative for a signal."""
        while True:
            self.children.reap()
            status = self.children.status(self.keeper)
            if status is not None:
                self.children.destroy()
                return exit_code_of(status)
            if self.lost_at is not None and time.monotonic() - self.lost_at > AFTER_LOST_LEASH:
                self.children.destroy()
            handles = [self.signals.handle] + ([] if self.leash is None else [self.leash])
            for handle in select.select(handles, [], [], 0.5)[0]:
                self._wake(handle)

    def _wake(self, handle: int) -> None:
        if handle == self.leash:
            data = _more(handle)
            if data and self.relay:
                _hand_on(self.pipe, data)
            if not data:
                self.leash = None
                self.lost_at = time.monotonic()
                closing(self.pipe)
            return
        for number in self.signals.read():
            if number != signal.SIGCHLD:
                send(self.keeper, number)


def _more(handle: int) -> bytes:
    try:
        return os.read(handle, 4096)
    except OSError:
        return b""


def _hand_on(pipe: int, data: bytes) -> None:
    """A keeper that is gone is noticed elsewhere."""
    try:
        while data:
            data = data[os.write(pipe, data) :]
    except OSError:
        return
