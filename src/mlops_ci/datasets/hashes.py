"""SHA-256 of files that were hashed before, so that a data folder is not read again to learn that nothing changed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterable
from pathlib import Path

from mlops_ci.datasets.listing import FileEntry
from mlops_ci.files import canonical_json, write_atomic

SCHEMA = "mlops-ci/hashes/1"
# A file that changed so recently could change again within the same clock tick, and look the same.
SETTLED_NS = 2_000_000_000


class KnownHashes:
    """Hashes of one data folder. A file is known by size, inode and times, of which nobody can set the change time."""

    def __init__(self, cache: Path, folder: Path) -> None:
        name = hashlib.sha256(str(folder.resolve()).encode("utf-8", "surrogateescape")).hexdigest()
        self._file = cache / "hashes" / f"{name}.json"
        self._known = _load(self._file)
        self._started_ns = time.time_ns()

    def get(self, file: FileEntry) -> str | None:
        """The SHA-256 of a file that has not changed since it was hashed."""
        found = self._known.get(file.path)
        return str(found[4]) if found is not None and found[:4] == _identity(file) else None

    def save(self, hashed: Iterable[tuple[FileEntry, str]]) -> None:
        """Keep these, and only these. That it can't be written only costs time later."""
        known = {
            file.path: [*_identity(file), sha256]
            for file, sha256 in hashed
            if file.changed_ns < self._started_ns - SETTLED_NS
        }
        if known != self._known:
            with contextlib.suppress(OSError):
                write_atomic(self._file, canonical_json({"schema": SCHEMA, "files": known}))


def _identity(file: FileEntry) -> list[int]:
    return [file.bytes, file.modified_ns, file.changed_ns, file.inode]


def _load(path: Path) -> dict[str, list[int | str]]:
    """What an earlier call kept; nothing when the file is absent or damaged."""
    try:
        value = json.loads(path.read_bytes())
        files = value["files"] if value["schema"] == SCHEMA else {}
        return {str(name): list(row) for name, row in files.items() if len(row) == 5}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
