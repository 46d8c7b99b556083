"""A text stream whose reader may go away: then there is silence, not a crash. Its last line may be a bar."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TextIO

# Back to the start of the line, and erase it (ECMA-48: CR, EL).
ERASE = "\r\x1b[2K"


@dataclass
class LineWriter:
    """Writes whole lines and flushes each, so that a child's output and ours keep their order."""

    stream: TextIO
    _closed: bool = False
    _foot: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, line: str) -> None:
        """One line; characters that the stream cannot encode are replaced."""
        with self._lock:
            self._put(f"{ERASE if self._foot else ''}{line}\n{self._foot}")

    def foot(self, text: str) -> None:
        """Keep `text` below all lines, drawn over what stood there; empty: no longer."""
        with self._lock:
            if text != self._foot:
                self._foot = text
                self._put(f"{ERASE}{text}")

    def _put(self, text: str) -> None:
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        if self._closed:
            return
        try:
            self.stream.write(text.encode(encoding, errors="replace").decode(encoding))
            self.stream.flush()
        except BlockingIOError:
            # A reader that is slow for the moment loses this line, not all that follow.
            return
        except (OSError, ValueError):
            self._closed = True
