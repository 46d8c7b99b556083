"""Our own standard output, written without ever blocking: a reader that sleeps must not stop the leash."""

from __future__ import annotations

import os
import select
import time
from collections import deque

PIECE = select.PIPE_BUF
"""A pipe that select() calls writable takes this many bytes without blocking (POSIX)."""

FULL = 256 * 1024


class Outlet:
    """Buffers what the reader does not take yet. `full` asks the caller to read no more from the job."""

    def __init__(self, handle: int = 1) -> None:
        self.handle = handle
        self.open = True
        self._pending: deque[bytes] = deque()
        self._bytes = 0

    @property
    def full(self) -> bool:
        """Whether the reader is so far behind that the job should wait."""
        return self._bytes > FULL

    @property
    def waiting(self) -> bool:
        """Whether something is left to write."""
        return self._bytes > 0

    def write(self, data: bytes) -> None:
        """Add `data`; nothing happens when the reader is gone."""
        if self.open:
            self._pending.extend(data[start : start + PIECE] for start in range(0, len(data), PIECE))
            self._bytes += len(data)
            self.flush()

    def flush(self, limit: float = 0.0) -> None:
        """Write what the reader takes now, for at most `limit` seconds more."""
        deadline = time.monotonic() + limit
        while self._pending and self.open:
            wait = max(0.0, deadline - time.monotonic())
            if not select.select([], [self.handle], [], wait)[1]:
                return
            self._write_piece()

    def _write_piece(self) -> None:
        piece = self._pending.popleft()
        try:
            count = os.write(self.handle, piece)
        except BlockingIOError:
            count = 0
        except OSError:
            self.open = False
            self._pending.clear()
            self._bytes = 0
            return
        self._bytes -= count
        if count < len(piece):
            self._pending.appendleft(piece[count:])
