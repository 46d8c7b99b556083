"""Files that are either whole or absent: atomic writes, digests, sizes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mlops_ci.guest.files import drafts, sha256_of
from mlops_ci.guest.files import write_atomic as write_whole

__all__ = [
    "canonical_json",
    "digest_of",
    "drafts",
    "regular_files",
    "sha256_of",
    "size_of",
    "write_atomic",
    "write_json",
]


def write_atomic(path: Path, data: bytes | str, *, mode: int = 0o644) -> None:
    """Write `data` to `path` (its folder is made) so that a reader sees the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data.encode() if isinstance(data, str) else data, mode=mode)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with a final newline, atomically."""
    write_atomic(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def canonical_json(value: Any) -> bytes:
    """The one byte form of a JSON value (sorted keys, no spaces), for digests."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest_of(value: Any) -> str:
    """The SHA-256, in hex, of a JSON value in canonical form."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def regular_files(folder: Path) -> Iterable[Path]:
    """All regular files below `folder`, sorted by path; symbolic links are neither followed nor listed."""
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(root, name)
            if path.is_file() and not path.is_symlink():
                yield path


def size_of(folder: Path) -> int:
    """The bytes of all regular files below `folder`."""
    return sum(path.stat().st_size for path in regular_files(folder))
