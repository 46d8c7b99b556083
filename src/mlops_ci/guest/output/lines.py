"""Turns raw output into lines of bounded length, with progress bars thinned out.

A line ends at a newline. A carriage return alone redraws the line (progress bars): only its last state is the line; in
between the state is shown now and then. Text without any newline is shown that way too, and is a line at the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

LONGEST = 16384
"""Bytes of a line that are kept; the rest is counted and dropped."""

SPARE = 4096
"""Bytes kept beyond `LONGEST`, so that a secret that crosses the cut is still recognised."""

PROGRESS_EVERY = 5.0
PROGRESS_WIDTH = 200


@dataclass(frozen=True)
class Line:
    """One line without its newline. `dropped` bytes were cut; `progress` marks a state that is not final."""

    text: bytes
    dropped: int = 0
    progress: bool = False


class LineSplitter:
    """Feeds `sink` with lines."""

    def __init__(self, sink: Callable[[Line], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._sink = sink
        self._clock = clock
        self._text = b""
        self._dropped = 0
        self._shown = b""
        self._shown_at = clock()

    def feed(self, data: bytes) -> None:
        """Take the next piece of output."""
        *whole, rest = data.split(b"\n")
        for piece in whole:
            self._add(piece)
            self._end()
        self._add(rest)

    def tick(self) -> None:
        """Show a line that is not finished, at most every `PROGRESS_EVERY` seconds."""
        now = self._clock()
        if now - self._shown_at < PROGRESS_EVERY:
            return
        state = self._text.rstrip(b"\r")[-PROGRESS_WIDTH:]
        if state and state != self._shown:
            self._shown, self._shown_at = state, now
            self._sink(Line(state, progress=True))

    def close(self) -> None:
        """The output has ended: what is left is the last line."""
        if self._text:
            self._end()

    def _add(self, piece: bytes) -> None:
        joined = bytes(self._text) + piece
        body = joined.rstrip(b"\r")
        redrawn, state = body.rpartition(b"\r")[1:]
        if redrawn:
            self._dropped = 0
        self._dropped += max(0, len(state) - LONGEST - SPARE)
        self._text = state[: LONGEST + SPARE] + (b"\r" if len(body) < len(joined) else b"")

    def _end(self) -> None:
        self._sink(Line(self._text.rstrip(b"\r"), dropped=self._dropped))
        self._text, self._dropped, self._shown, self._shown_at = b"", 0, b"", self._clock()
