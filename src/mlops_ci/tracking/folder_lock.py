"""A lock on a folder that ends with the last process that holds it, however that one ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlops_ci.tracking.errors import EmbeddedServerBusyError

NAME = "server.lock"
POLL_SECONDS = 0.1


@contextmanager
def folder_lock(folder: Path, *, wait: float) -> Iterator[int]:
    """Hold the folder for a `with` block; gives the descriptor that holds it.

    A child that inherits the descriptor holds the folder too: when we are killed, it stays held until the server that
    we started is gone. Waits up to `wait` seconds, then raises `EmbeddedServerBusyError` saying who holds it.
    """
    descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _acquire(descriptor, folder, wait)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, folder: Path, wait: float) -> None:
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = os.pread(descriptor, 100, 0).decode(errors="replace").strip() or "an unknown process"
                raise EmbeddedServerBusyError(
                    f"another run ({holder}) uses the embedded MLflow in {folder}",
                    hint="wait for it to end; for runs side by side, run one MLflow server and set [tracking] uri",
                ) from None
            time.sleep(POLL_SECONDS)
        else:
            return
