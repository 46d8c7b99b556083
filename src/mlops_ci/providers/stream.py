"""A text stream whose reader may go away: then there is silence, not a crash."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TextIO


@dataclass
class LineWriter:
    """Writes whole lines and flushes each, so that a child's output and ours keep their order."""

    stream: TextIO
    _closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, line: str) -> None:
        """One line; characters that the stream cannot encode are replaced."""
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        safe = line.encode(encoding, errors="replace").decode(encoding)
        with self._lock:
            if self._closed:
                return
            try:
                self.stream.write(f"{safe}\n")
                self.stream.flush()
            except BlockingIOError:
                # A reader that is slow for the moment loses this line, not all that follow.
                return
            except (OSError, ValueError):
                self._closed = True
