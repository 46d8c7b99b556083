"""What a person types, on its way into a job: frames on the job's leash. Both sides use this module.

A frame: kind (1 byte), size (4 bytes, big-endian), content. `TYPED` is input as it came, `SIZE` rows and columns.
"""

from __future__ import annotations

import struct

HEADER = struct.Struct(">BI")
DIMENSIONS = struct.Struct(">HH")
TYPED, SIZE = 1, 2
LARGEST_DIMENSION = 0xFFFF


def typed(data: bytes) -> bytes:
    """Input as a frame."""
    return HEADER.pack(TYPED, len(data)) + data


def sized(rows: int, columns: int) -> bytes:
    """The size of the person's terminal as a frame."""
    content = DIMENSIONS.pack(min(rows, LARGEST_DIMENSION), min(columns, LARGEST_DIMENSION))
    return HEADER.pack(SIZE, len(content)) + content


class FrameReader:
    """Takes frames apart, wherever the pieces of the pipe begin and end."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The frames that are complete now, as (kind, content)."""
        self._held += data
        found = []
        while len(self._held) >= HEADER.size:
            kind, size = HEADER.unpack_from(self._held)
            end = HEADER.size + size
            if len(self._held) < end:
                break
            found.append((kind, self._held[HEADER.size : end]))
            self._held = self._held[end:]
        return found
