"""A lock on a file, between processes: free as soon as its holder is gone, however that one ended.

The lock is `flock`, so it excludes whoever takes it by other means (the package `filelock`, `flock(1)`), too. That
package loads SQLite and asyncio with itself, which would cost each command a tenth of its time.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

STEP = 0.05


class HeldByAnotherError(Exception):
    """Another process, or another `FileLock` of this one, has not let go in time."""


class FileLock:
    """Held for a `with` block, or from `acquire` to `release`. It is not taken twice by the same object."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self, *, wait: float | None = None) -> None:
        """Take it within `wait` seconds (None: however long it takes), else `HeldByAnotherError`."""
        if self._descriptor is not None:
            raise HeldByAnotherError(f"{self._path} is held by this very object")
        deadline = None if wait is None else time.monotonic() + wait
        while (descriptor := _try(self._path)) is None:
            if deadline is not None and time.monotonic() >= deadline:
                raise HeldByAnotherError(str(self._path))
            time.sleep(STEP)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go; the file stays, since who waits has it open."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _try(path: Path) -> int | None:
    """A descriptor that holds the lock; None when another has it, or when the file was deleted meanwhile."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink:
            return descriptor
    except BlockingIOError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
