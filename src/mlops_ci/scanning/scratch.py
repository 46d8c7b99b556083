"""Folders for the length of one call, on the disk of the cache; what a killed process left there goes with the next."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FOLDER = "scratch"
# Longer than any call lasts: what is older belongs to nobody any more. Seconds.
ABANDONED = 6 * 3600.0


@contextmanager
def scratch(cache: Path, name: str) -> Iterator[Path]:
    """An empty folder that only this user can read, gone at the end.

    Reports on images lie here for a moment, with environment variables in clear text: hence never in a shared /tmp.
    """
    place = cache / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    _sweep(place)
    with tempfile.TemporaryDirectory(dir=place, prefix=f"{name}-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _sweep(place: Path) -> None:
    limit = time.time() - ABANDONED
    for left in place.iterdir():
        with suppress(OSError):
            if left.lstat().st_mtime < limit:
                shutil.rmtree(left)
