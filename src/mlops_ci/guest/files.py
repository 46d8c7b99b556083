"""Files that are either whole or absent, digests, and lines that are appended in one piece."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CHUNK = 1 << 20
DRAFT = ".tmp"


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write `data` to `path` so that a reader sees the old file or the whole new one, never a part of it."""
    write_pieces(path, (data,), mode=mode)


def write_pieces(path: Path, pieces: Iterable[bytes], *, mode: int = 0o644) -> None:
    """The same of pieces that are made one after the other, and may be read from the old file."""
    handle, temporary = tempfile.mkstemp(dir=str(path.parent), prefix=f".{path.name}.", suffix=DRAFT)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.writelines(pieces)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def drafts(folder: Path) -> list[Path]:
    """What writers that were killed have left in a folder. Only for whoever keeps others from writing there."""
    return sorted(folder.glob(f".*{DRAFT}"))


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, where the file system can do that."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        return
    finally:
        os.close(handle)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with a final newline, atomically; NaN and Infinity are refused."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomic(path, text.encode("utf-8", "replace"))


def read_json(path: Path) -> Any:
    """The JSON value in `path`; raises `OSError` or `ValueError`."""
    return json.loads(path.read_bytes().decode("utf-8"))


def append_line(path: Path, value: Any) -> None:
    """Append one JSON line with a single write, so that lines of several processes do not mix.

    A short write (the disk is full) raises `OSError`. NaN and Infinity are written as JSON's common extension.
    """
    line = (json.dumps(value, separators=(",", ":"), ensure_ascii=False) + "\n").encode("utf-8", "replace")
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if os.write(handle, line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(handle)


def sha256_of(path: Path) -> str:
    """The SHA-256, in hex, of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while True:
            block = stream.read(CHUNK)
            if not block:
                return digest.hexdigest()
            digest.update(block)


def describe(path: Path, base: Path) -> dict[str, Any]:
    """`{"path", "bytes", "sha256"}` of a file, its path relative to `base` with forward slashes."""
    return {"path": path.relative_to(base).as_posix(), "bytes": path.stat().st_size, "sha256": sha256_of(path)}
