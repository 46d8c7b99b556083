"""Reading an archive: nothing of it is used before every byte is known to be the one that was written."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Self

from mlops_ci.errors import GateError, UsageError
from mlops_ci.mirroring import layout
from mlops_ci.mirroring.index import PATH, SCHEMA, Index, Member
from mlops_ci.mirroring.layout import Place
from mlops_ci.mirroring.writing import CHUNK
from mlops_ci.records.codec import RecordFormatError, from_json

LARGEST_INDEX = 64 * 1024**2


class MirrorDamagedError(GateError):
    """A member of the archive is not what was packed: bytes changed, or are missing."""


class MirrorFormatError(UsageError):
    """The archive is of another kind than this release reads."""


class Archive:
    """An open archive. `index` is known to be whole; the members are after `verify`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream = path.open("rb")
        try:
            self._size = os.fstat(self._stream.fileno()).st_size
            self.index, self._fixed, placed = self._open()
            self._places = dict(zip((member.path for member in self.index.members), placed, strict=True))
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def verify(self, on_bytes: Callable[[int, int], None] | None = None) -> None:
        """Check every byte. Raises `MirrorDamagedError` with the name of the first member that is not whole."""
        for place in self._fixed:
            self._check_frame(place)
        for member in self.index.members:
            place = self._places[member.path]
            self._check_frame(place)
            digest = hashlib.sha256()
            for piece in self.pieces(member):
                digest.update(piece)
            if digest.hexdigest() != member.sha256:
                raise _damaged(self.path, member.path, "its checksum is another one")
            if on_bytes is not None:
                on_bytes(place.end, self._size)
        end = max(place.end for place in (*self._fixed, *self._places.values()))
        if self._at(end, self._size - end) != layout.END:
            raise _damaged(self.path, "the end of the archive", "it is not the one that was written")

    def pieces(self, member: Member) -> Iterator[bytes]:
        """The content of a member. Raises `MirrorDamagedError` when the file ends before it does."""
        place = self._places[member.path]
        self._stream.seek(place.content)
        left = member.bytes
        while left:
            piece = self._stream.read(min(CHUNK, left))
            if not piece:
                raise _damaged(self.path, member.path, "the file ends before it")
            left -= len(piece)
            yield piece

    def copy(self, member: Member, stream: BinaryIO) -> None:
        """Write the content of a member to a stream, checked once more on its way."""
        digest = hashlib.sha256()
        for piece in self.pieces(member):
            digest.update(piece)
            stream.write(piece)
        if digest.hexdigest() != member.sha256:
            raise _damaged(self.path, member.path, "it changed while it was read")

    def _open(self) -> tuple[Index, tuple[Place, ...], tuple[Place, ...]]:
        size = self._index_size()
        first = next(layout.places(size, 0, ()))
        text = self._at(first.content, size)
        digest = f"{hashlib.sha256(text).hexdigest()}  {layout.INDEX}\n".encode()
        second = tuple(layout.places(size, len(digest), ()))[1]
        if self._at(second.content, len(digest)) != digest:
            raise _damaged(self.path, layout.INDEX, "its checksum is another one")
        index = self._parsed(text)
        placed = tuple(layout.places(size, len(digest), index.members))
        return index, placed[:2], placed[2:]

    def _index_size(self) -> int:
        try:
            info = tarfile.TarInfo.frombuf(self._at(0, layout.BLOCK), "utf-8", "strict")
        except (tarfile.HeaderError, ValueError) as error:
            raise _damaged(self.path, layout.INDEX, "the file does not begin like an archive of ours") from error
        if info.name != layout.INDEX or not 0 < info.size <= min(LARGEST_INDEX, self._size):
            raise _damaged(self.path, layout.INDEX, "the file does not begin like an archive of ours")
        return info.size

    def _parsed(self, text: bytes) -> Index:
        data = json.loads(text)
        if data.get("schema") != SCHEMA:
            raise MirrorFormatError(
                f"{self.path} is of the schema {data.get('schema')!r}, and this release reads {SCHEMA!r}",
                hint="import it with the release that wrote it, or export it again",
            )
        try:
            index = from_json(Index, data, str(self.path))
        except RecordFormatError as error:
            raise MirrorFormatError(
                f"the index of {self.path} cannot be read: {error}", hint="export it again"
            ) from error
        for member in index.members:
            if PATH.fullmatch(member.path) is None:
                raise MirrorFormatError(
                    f"the index of {self.path} names `{member.path}`, a path that no archive of ours has",
                    hint="do not use it: export it again",
                )
        return index

    def _check_frame(self, place: Place) -> None:
        """The header and the zeros behind the content: what they must be follows from the index."""
        whole = self._at(place.start, len(place.header)) == place.header
        zeros = self._at(place.content + place.size, place.padding)
        if not whole or zeros != bytes(place.padding):
            raise _damaged(self.path, place.path, "what stands around it was changed, or is missing")

    def _at(self, offset: int, count: int) -> bytes:
        self._stream.seek(offset)
        return self._stream.read(max(0, count))


def _damaged(path: Path, member: str, why: str) -> MirrorDamagedError:
    return MirrorDamagedError(
        f"{path} is damaged: `{member}`: {why}", hint="copy the file here again; nothing of it was used"
    )
