"""Signals as bytes on a pipe, so that one select() sees signals, the leash, output and the clock."""

from __future__ import annotations

import os
import signal

from mlops_ci.guest.processes.children import closing, ignore

WATCHED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


class SignalPipe:
    """Turns the signals of `WATCHED` into bytes on `handle`; only the main thread may make one."""

    def __init__(self) -> None:
        self.handle, self._write = os.pipe()
        os.set_blocking(self.handle, False)
        os.set_blocking(self._write, False)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in WATCHED:
            signal.signal(number, ignore)

    def read(self) -> list[int]:
        """The signal numbers that arrived since the last call."""
        try:
            return list(os.read(self.handle, 4096))
        except BlockingIOError:
            return []

    def close(self) -> None:
        """Stop turning signals into bytes; the handlers stay, so that a late signal is not deadly."""
        signal.set_wakeup_fd(-1)
        closing(self.handle, self._write)
