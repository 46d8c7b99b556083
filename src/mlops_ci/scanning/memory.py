"""Results that need not be found again: of an image by its id, of an environment that nobody has touched."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlops_ci.files import digest_of, write_json
from mlops_ci.scanning.report import Report, restored

FOLDER = "results"
# Raised when the fields of a report, or the way they are found, change.
FORMAT = 2


def listing_digest(folder: Path) -> str:
    """A digest over all files below `folder`: path, size, inode, times of change. Byte code is left out.

    The time of change of an inode (ctime) cannot be set back by an ordinary program, so that an edited file shows.
    """
    lines: list[list[Any]] = []
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            path = os.path.join(root, name)
            with suppress(OSError):
                state = os.lstat(path)
                lines.append(
                    [os.path.relpath(path, folder), state.st_size, state.st_ino, state.st_mtime_ns, state.st_ctime_ns]
                )
    return digest_of(lines)


def remembered(cache: Path, key: Any, find: Callable[[], Report]) -> Report:
    """The report under `key` (a JSON value that names all inputs), found anew when there is none that can be read."""
    path = _place(cache, key)
    with suppress(OSError, ValueError, KeyError, TypeError):
        return restored(json.loads(path.read_bytes()))
    report = find()
    with suppress(OSError):
        write_json(path, asdict(report))
    return report


def is_remembered(cache: Path, key: Any) -> bool:
    """Whether there is a report under `key`."""
    return _place(cache, key).is_file()


def _place(cache: Path, key: Any) -> Path:
    return cache / FOLDER / f"{digest_of([FORMAT, key])}.json"
