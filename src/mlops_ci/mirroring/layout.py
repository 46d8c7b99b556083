"""How an archive lies in its file: a plain tar that `tar -xf` reads, every byte of which follows from the index.

It is not compressed: wheels, image layers and bundles are compressed already, and so a member can be found, checked and
copied without reading what stands before it.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mlops_ci.mirroring.index import Member

BLOCK = 512
INDEX = "index.json"
INDEX_CHECKSUM = "index.json.sha256"
END = bytes(2 * BLOCK)
# The first moment of 1980, which every archive format knows.
MOMENT = 315_532_800


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a file of the archive lies: its header begins at `start`, its content at `content`."""

    path: str
    size: int
    start: int
    header: bytes

    @property
    def content(self) -> int:
        """The offset of its first byte."""
        return self.start + len(self.header)

    @property
    def padding(self) -> int:
        """The zeros after its last byte."""
        return -self.size % BLOCK

    @property
    def end(self) -> int:
        """Where the next header begins."""
        return self.content + self.size + self.padding


def header(path: str, size: int) -> bytes:
    """The header of a file: the same for the same path and size."""
    info = tarfile.TarInfo(path)
    info.size, info.mode, info.mtime = size, 0o644, MOMENT
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def places(index_bytes: int, checksum_bytes: int, members: Iterable[Member]) -> Iterator[Place]:
    """All files from the first to the last."""
    start = 0
    listed = [(INDEX, index_bytes), (INDEX_CHECKSUM, checksum_bytes), *((one.path, one.bytes) for one in members)]
    for path, size in listed:
        place = Place(path=path, size=size, start=start, header=header(path, size))
        start = place.end
        yield place
