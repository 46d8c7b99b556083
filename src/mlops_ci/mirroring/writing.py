"""Writing an archive: whole under its name, or not there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mlops_ci.errors import InfrastructureError, MissingError
from mlops_ci.mirroring import layout
from mlops_ci.mirroring.index import Index
from mlops_ci.records.codec import to_json

CHUNK = 1 << 20


class MirrorWriteError(MissingError):
    """The archive cannot be written where it was asked for."""


class SourceChangedError(InfrastructureError):
    """A file changed while it was being packed."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a member's content lies: a whole file, or `size` bytes of it from `offset` on."""

    path: Path
    size: int
    offset: int = 0

    def read(self, take: Callable[[bytes], object]) -> None:
        """Hand the content over piece by piece."""
        with self.path.open("rb") as stream:
            stream.seek(self.offset)
            left = self.size
            while left and (piece := stream.read(min(CHUNK, left))):
                take(piece)
                left -= len(piece)

    def sha256(self) -> str:
        """The digest of the content."""
        digest = hashlib.sha256()
        self.read(digest.update)
        return digest.hexdigest()


def index_text(index: Index) -> bytes:
    """The index as it lies in the archive."""
    return (json.dumps(to_json(index), indent=1, sort_keys=True, ensure_ascii=True) + "\n").encode()


def write(
    target: Path, index: Index, sources: Mapping[str, Source], on_bytes: Callable[[int, int], None] | None = None
) -> str:
    """Write the archive to `target`; its SHA-256. `on_bytes` gets the bytes done and all.

    The same index and content give the same bytes. Raises `MirrorWriteError` and `SourceChangedError`.
    """
    text = index_text(index)
    checksum = f"{hashlib.sha256(text).hexdigest()}  {layout.INDEX}\n".encode()
    placed = tuple(layout.places(len(text), len(checksum), index.members))
    total = placed[-1].end + len(layout.END)
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as stream:
            out = _Hashed(stream, lambda done: on_bytes(done, total) if on_bytes else None)
            for place, content in zip(placed[:2], (text, checksum), strict=True):
                out.write(place.header + content + bytes(place.padding))
            for place, member in zip(placed[2:], index.members, strict=True):
                out.write(place.header)
                _copy(sources[member.path], member.sha256, member.bytes, out)
                out.write(bytes(place.padding))
            out.write(layout.END)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, target)
    except OSError as error:
        raise MirrorWriteError(
            f"{target} cannot be written: {error.strerror}", hint="check the folder's permissions and free space"
        ) from error
    return out.digest.hexdigest()


class _Hashed:
    """A stream that knows the digest of what went through it."""

    def __init__(self, stream: BinaryIO, on_bytes: Callable[[int], None]) -> None:
        self._stream = stream
        self._on_bytes = on_bytes
        self._done = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self._stream.write(data)
        self.digest.update(data)
        self._done += len(data)
        self._on_bytes(self._done)


def _copy(source: Source, sha256: str, size: int, out: _Hashed) -> None:
    digest = hashlib.sha256()
    done = 0

    def take(piece: bytes) -> None:
        nonlocal done
        digest.update(piece)
        done += len(piece)
        out.write(piece)

    source.read(take)
    if digest.hexdigest() != sha256 or done != size:
        raise SourceChangedError(f"{source.path} changed while it was packed", hint="run the same command again")
