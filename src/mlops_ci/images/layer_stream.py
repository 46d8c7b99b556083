"""The files of one layer, read from its packed stream: nothing is written to disk, and no file is kept in memory."""

from __future__ import annotations

import gzip
import io
import sys
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import IO, Any, cast

from mlops_ci.errors import InfrastructureError

# The first bytes of what is packed (RFC 1952, RFC 8878); a plain archive begins with a name.
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
BUFFER = 1 << 20


class LayerUnreadableError(InfrastructureError):
    """A layer of a registry is no archive that can be read."""


@contextmanager
def unpacked(packed: io.RawIOBase) -> Iterator[IO[bytes]]:
    """The archive in a stream, whichever way it is packed: gzip, zstd or not at all."""
    buffered = io.BufferedReader(packed, BUFFER)
    try:
        head = buffered.peek(len(ZSTD))[: len(ZSTD)]
        if head.startswith(GZIP):
            with gzip.GzipFile(fileobj=buffered, mode="rb") as stream:
                yield cast("IO[bytes]", stream)
        elif head == ZSTD:
            with _module().ZstdFile(buffered) as unzipped:
                yield unzipped
        else:
            yield buffered
    finally:
        # What was read belongs to the caller, who closes it.
        buffered.detach()


def members(packed: io.RawIOBase) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Every entry of the archive in its order, with the archive to read the entry's content from before the next one.

    The stream is read to its end, so that its digest can be known. Raises `LayerUnreadableError`.
    """
    try:
        with unpacked(packed) as stream:
            with tarfile.open(fileobj=stream, mode="r|", bufsize=BUFFER) as archive:
                for member in archive:
                    yield archive, member
                    # The archive would remember every entry, and a layer may have very many.
                    vars(archive)["members"] = []
            while stream.read(BUFFER):
                pass
        while packed.read(BUFFER):
            pass
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error, _module().ZstdError) as error:
        raise LayerUnreadableError(
            f"a layer cannot be read: {error}", hint="build the image again; ask who runs the registry"
        ) from error


def unpacked_bytes(packed: io.RawIOBase) -> int:
    """What the regular files of a layer hold; a hard link holds nothing of its own."""
    return sum(member.size for _, member in members(packed) if member.isreg())


def _module() -> Any:
    """Python's own module from 3.14 on, before that the package that brings it."""
    return import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
