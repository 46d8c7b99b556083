"""Files that appear whole under their name, once, and leave nothing behind after a kill."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

# What file systems without hard links answer to link(2): FUSE, SMB, some container mounts.
NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})
OBJECT_MODE = 0o444
PREFIX = ".mlops-draft-"


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A file being written: it has no final name yet. Its lock says that its writer lives."""

    path: Path
    stream: BinaryIO

    def finish(self, mode: int) -> None:
        """Put the content on disk."""
        self.stream.flush()
        os.fchmod(self.stream.fileno(), mode)
        os.fsync(self.stream.fileno())


@contextlib.contextmanager
def draft(folder: Path) -> Iterator[Draft]:
    """A new temporary file in `folder`, gone afterwards whatever happens. The final name is another link to it."""
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        handle, name = tempfile.mkstemp(dir=folder, prefix=PREFIX)
        fcntl.flock(handle, fcntl.LOCK_EX)
        # A sweep may have removed the file between its creation and its lock.
        if os.fstat(handle).st_nlink:
            break
        os.close(handle)
    with os.fdopen(handle, "wb") as stream:
        try:
            yield Draft(path=Path(name), stream=stream)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(name)


def sweep(folder: Path) -> int:
    """Remove the drafts in `folder` (not below it) whose writers are dead; how many."""
    try:
        drafts = [entry.path for entry in os.scandir(folder) if entry.name.startswith(PREFIX)]
    except OSError:
        return 0
    return sum(_remove_if_free(path) for path in drafts)


def _remove_if_free(path: str) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def name_once(temporary: Path, target: Path, *, lock: Path) -> bool:
    """Give the finished file its final name. False when the name is taken; then nothing changed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(temporary, target)
        return True
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        return _rename_once(temporary, target, lock)


def _rename_once(temporary: Path, target: Path, lock: Path) -> bool:
    """The same without hard links: test and rename under a lock that all writers of this store take."""
    with lock.open("wb") as stream:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX)
        if target.exists():
            return False
        os.rename(temporary, target)
        return True


def sync_folders(folders: Iterable[Path]) -> None:
    """Make new names in these folders survive a power cut, where the file system can do that."""
    for folder in folders:
        with contextlib.suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
