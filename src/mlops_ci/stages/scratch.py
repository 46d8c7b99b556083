"""Folders of one invocation below `.mlops`, gone when it ends; what a killed one left goes with the next."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlops_ci.engines.owner import Owner

OWNER = "owner"


@contextmanager
def scratch(base: Path) -> Iterator[Path]:
    """A new folder below `base`, for as long as the block lasts."""
    sweep(base)
    folder = base / f"{os.getpid()}-{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    try:
        (folder / OWNER).write_text(Owner.current().text())
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            base.rmdir()


def sweep(base: Path) -> int:
    """Remove the folders whose owner has died; how many there were."""
    dead = [folder for folder in (base.iterdir() if base.is_dir() else ()) if _is_dead(folder)]
    for folder in dead:
        shutil.rmtree(folder, ignore_errors=True)
    return len(dead)


def _is_dead(folder: Path) -> bool:
    try:
        owner = Owner.parse((folder / OWNER).read_text())
    except OSError:
        return False
    return owner is not None and owner.is_dead(across_boots=True)
