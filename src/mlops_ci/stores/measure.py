"""Size and SHA-256 of files, many at once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.stores.parallel import in_parallel

CHUNK = 1 << 20
# Hashing releases the interpreter lock, so more threads than this only help on machines with faster storage than CPU.
WORKERS = max(2, min(8, os.cpu_count() or 2))


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """A file as it was when it was hashed. `modified_ns` is its modification time before reading began."""

    bytes: int
    sha256: str
    modified_ns: int


def measure(path: Path) -> FileFacts:
    """Read the whole file; raises `OSError`."""
    with path.open("rb") as stream:
        status = os.fstat(stream.fileno())
        digest = hashlib.sha256()
        size = 0
        while block := stream.read(CHUNK):
            digest.update(block)
            size += len(block)
    return FileFacts(bytes=size, sha256=digest.hexdigest(), modified_ns=status.st_mtime_ns)


def measure_all(paths: Iterable[Path]) -> list[FileFacts]:
    """`measure` of each path, in order, in threads."""
    return in_parallel(measure, paths, workers=WORKERS)
