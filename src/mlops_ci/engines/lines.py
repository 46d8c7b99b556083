"""Raw output as lines of text, whatever the pieces in which it comes."""

from __future__ import annotations

import codecs
from collections.abc import Callable

# Characters; a longer line is handed on in pieces, so that output without any newline can't fill the memory.
LONGEST = 65536


class LineSplitter:
    """Calls `on_line` for each line, without its newline. Bytes that are not UTF-8 become U+FFFD."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, data: bytes) -> None:
        """Take the next piece; it may end in the middle of a character."""
        *whole, rest = (self._rest + self._decoder.decode(data)).split("\n")
        # Kept before any call: what `on_line` raises must not make us tell a line twice.
        self._rest = rest
        for line in whole:
            self._tell(line)
        while len(self._rest) > LONGEST:
            piece, self._rest = self._rest[:LONGEST], self._rest[LONGEST:]
            self._on_line(piece)

    def close(self) -> None:
        """The output has ended: what is left is the last line."""
        rest, self._rest = self._rest + self._decoder.decode(b"", final=True), ""
        if rest:
            self._tell(rest)

    def _tell(self, line: str) -> None:
        text = line.removesuffix("\r")
        for start in range(0, max(1, len(text)), LONGEST):
            self._on_line(text[start : start + LONGEST])
