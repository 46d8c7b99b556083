"""Folders that root lends to a job's user and takes back, also when we were killed in between.

A journal beside the project names what was lent before anything changes its owner; `recover` takes back what a dead
process lent.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from mlops_ci.engines.owner import Owner
from mlops_ci.files import write_json


@contextmanager
def handed_over(folders: Sequence[Path], *, uid: int | None, journal: Path) -> Iterator[None]:
    """Let `uid` own everything below `folders` inside the block; None changes nothing. `journal` is a folder."""
    if uid is None:
        yield
        return
    entry = journal / f"{secrets.token_hex(8)}.json"
    write_json(entry, {"owner": Owner.current().text(), "uid": uid, "folders": [str(one) for one in folders]})
    try:
        for folder in folders:
            _give(folder, uid)
        yield
    finally:
        _take_back(folders, uid)
        entry.unlink(missing_ok=True)


def recover(journal: Path) -> int:
    """Take back what processes that have died lent; how many journal entries that were."""
    recovered = 0
    for entry in sorted(journal.glob("*.json")):
        with suppress(ValueError, KeyError, TypeError, FileNotFoundError):
            lent = json.loads(entry.read_text())
            owner = Owner.parse(lent["owner"])
            if owner is not None and owner.is_dead(across_boots=True):
                _take_back([Path(folder) for folder in lent["folders"]], int(lent["uid"]))
                entry.unlink(missing_ok=True)
                recovered += 1
    return recovered


def _give(folder: Path, uid: int) -> None:
    for name, handle in _entries(folder):
        os.chown(name, uid, uid, dir_fd=handle, follow_symlinks=False)


def _take_back(folders: Sequence[Path], uid: int) -> None:
    """Everything that `uid` owns becomes ours. The kernel drops setuid bits and capabilities of files with it.

    What only its owner could read would be closed to the next job (another user again), so all may read it.
    """
    mine, group = os.getuid(), os.getgid()
    for folder in folders:
        for name, handle in _entries(folder):
            # A file may vanish under us only if a process of the job got away; the rest must still be taken back.
            with suppress(FileNotFoundError):
                found = os.stat(name, dir_fd=handle, follow_symlinks=False)
                if found.st_uid != uid:
                    continue
                os.chown(name, mine, group, dir_fd=handle, follow_symlinks=False)
                readable = {stat.S_IFDIR: 0o755, stat.S_IFREG: 0o644}.get(stat.S_IFMT(found.st_mode))
                if readable is not None:
                    os.chmod(name, (found.st_mode & 0o777) | readable, dir_fd=handle)


def _entries(folder: Path) -> Iterator[tuple[str, int | None]]:
    """The folder and all below it as (name, descriptor of its folder); symbolic links are not followed."""
    if not folder.is_symlink() and folder.is_dir():
        yield str(folder), None
        for _, folders, files, handle in os.fwalk(folder, follow_symlinks=False):
            for name in (*folders, *files):
                yield name, handle
