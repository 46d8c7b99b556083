"""Checkpoints on disk: written whole, named by step and digest, listed newest first in `latest.json`.

`latest.json` is `{"schema", "path", "step", "sha256", "bytes", "time", "previous": [...]}`, its paths relative to its
folder. It is written last: a kill at any moment leaves the older list, whose files are still there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.guest.files import drafts, read_json, sha256_of, sync_folder, write_json

SCHEMA = "mlops-ci/checkpoint/1"
POINTER = "latest.json"
KEEP = 2
PREFIX = "step-"
SUFFIX = ".ckpt"
UNFINISHED = ".unfinished"


@dataclass(frozen=True)
class Entry:
    """One checkpoint: `path` relative to the folder, digest of the file, size in bytes."""

    path: str
    step: int
    sha256: str
    bytes: int
    time: float

    def as_json(self) -> dict[str, Any]:
        """As it stands in `latest.json`."""
        return {"path": self.path, "step": self.step, "sha256": self.sha256, "bytes": self.bytes, "time": self.time}


def entries(folder: Path) -> list[Entry]:
    """The checkpoints that `latest.json` lists, newest first; empty without one or when it cannot be understood."""
    try:
        raw = read_json(folder / POINTER)
        return [entry_of(one) for one in (raw, *raw.get("previous", []))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def save(folder: Path, step: int, write: Callable[[Path], None]) -> Entry:
    """Save a checkpoint: `write(path)` fills a new file, which then gets its name, and the pointer last.

    Raises what `write` raises, and `OSError`; the earlier checkpoints are untouched then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f"{PREFIX}{step:09d}-{os.getpid()}{UNFINISHED}"
    try:
        write(unfinished)
        with unfinished.open("rb+") as stream:
            os.fsync(stream.fileno())
        digest = sha256_of(unfinished)
        final = folder / f"{PREFIX}{step:09d}-{digest[:12]}{SUFFIX}"
        os.replace(unfinished, final)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(folder)
    new = Entry(path=final.name, step=step, sha256=digest, bytes=final.stat().st_size, time=round(time.time(), 3))
    adopt(folder, new)
    return new


def adopt(folder: Path, new: Entry) -> None:
    """Make a file that lies in the folder its newest checkpoint."""
    older = [entry for entry in entries(folder) if entry.path != new.path][: KEEP - 1]
    pointer = {"schema": SCHEMA, **new.as_json(), "previous": [entry.as_json() for entry in older]}
    write_json(folder / POINTER, pointer)
    _forget(folder, {new.path, *(entry.path for entry in older)})


def newest_good(folder: Path) -> tuple[Entry | None, list[str]]:
    """The newest checkpoint whose file matches its digest, and a warning for each damaged one passed over."""
    warnings: list[str] = []
    for entry in entries(folder):
        problem = _problem(folder, entry)
        if problem is None:
            return entry, warnings
        warnings.append(f"checkpoint {entry.path} of step {entry.step} was not used: {problem}")
    return None, warnings


def _problem(folder: Path, entry: Entry) -> str | None:
    try:
        damaged = sha256_of(folder / entry.path) != entry.sha256
    except OSError as error:
        return error.strerror or str(error)
    return "its content does not match its digest" if damaged else None


def _forget(folder: Path, keep: set[str]) -> None:
    for path in folder.iterdir():
        ours = path.name.startswith(PREFIX) and path.suffix in (SUFFIX, UNFINISHED)
        if ours and path.name not in keep:
            path.unlink(missing_ok=True)
    # Of writers that were killed while they wrote atomically, be it the user's own way to write a checkpoint.
    for draft in drafts(folder):
        if draft.name.startswith((f".{PREFIX}", f".{POINTER}.")):
            draft.unlink(missing_ok=True)


def entry_of(raw: dict[str, Any]) -> Entry:
    """The checkpoint that this JSON names; raises `KeyError`, `TypeError` or `ValueError`."""
    path = str(raw["path"])
    if Path(path).name != path:
        raise ValueError(f"a checkpoint lies in its folder, not at {path}")
    return Entry(
        path=path, step=int(raw["step"]), sha256=str(raw["sha256"]), bytes=int(raw["bytes"]), time=float(raw["time"])
    )
