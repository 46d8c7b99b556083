"""Fetched data on the runner: `<name>/data` beside `<name>/entry.json`, which says what must be there.

A data set is put together in `partial/<key>`, and gets its name (mostly the digest) by one rename, so that an entry is
whole or absent. `known/` remembers which content a listing turned out to have.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.datasets.listing import Listing, list_folder
from mlops_ci.errors import MlopsError
from mlops_ci.file_lock import FileLock, HeldByAnotherError
from mlops_ci.files import canonical_json, write_atomic

SCHEMA = "mlops-ci/data-cache/1"
DATA = "data"
ENTRY = "entry.json"


@dataclass(frozen=True, kw_only=True)
class CachedData:
    """A data set in the cache."""

    path: Path
    files: int
    bytes: int


class DataCache:
    """The folder `.mlops/cache/data`, shared by all runs in a checkout."""

    def __init__(self, folder: Path, *, say: Callable[[str], None] | None = None) -> None:
        self._folder = folder
        self._say = say

    def find(self, name: str) -> CachedData | None:
        """The entry, if it is there and undamaged: every file with its size and time, and no other."""
        entry = self._folder / name
        try:
            value = json.loads((entry / ENTRY).read_bytes())
            if value != _document(name, list_folder(entry / DATA)):
                return None
        except (OSError, ValueError, MlopsError):
            return None
        return CachedData(path=entry / DATA, files=len(value["files"]), bytes=sum(row[1] for row in value["files"]))

    def partial(self, key: str, *, fresh: bool) -> Path:
        """The folder to put data together in, made if need be; with `fresh` it is empty. Hold the lock of `key`."""
        folder = self._folder / "partial" / key
        if fresh and folder.exists():
            shutil.rmtree(folder)
        (folder / DATA).mkdir(parents=True, exist_ok=True)
        return folder / DATA

    def install(self, key: str, name: str) -> CachedData:
        """Make what was put together under `key` the entry of `name`; an undamaged one that is there stays."""
        partial = self._folder / "partial" / key
        with self.lock(f"entry-{name}"):
            present = self.find(name)
            if present is None:
                write_atomic(partial / ENTRY, canonical_json(_document(name, list_folder(partial / DATA))))
                self._move_away(name)
                partial.rename(self._folder / name)
            else:
                shutil.rmtree(partial, ignore_errors=True)
        installed = present or self.find(name)
        if installed is None:
            raise OSError(None, "the data changed while it was put into the cache", str(self._folder / name))
        return installed

    def known(self, listing: str) -> str | None:
        """The content digest that data with this listing turned out to have."""
        try:
            text = (self._folder / "known" / listing).read_text()
        except (OSError, ValueError):
            return None
        return text if len(text) == 64 and text.isalnum() else None

    def remember(self, listing: str, digest: str) -> None:
        """Keep what `known` answers."""
        write_atomic(self._folder / "known" / listing, digest)

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Only one process fetches the same data; the others wait, and then find it. A dead owner's lock is free."""
        path = self._folder / "locks" / f"{name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        try:
            lock.acquire(wait=0)
        except HeldByAnotherError:
            if self._say is not None:
                self._say("waiting: another process on this machine is fetching the same data")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _move_away(self, name: str) -> None:
        """A damaged entry loses its name at once; deleting it may take longer, or be killed."""
        entry = self._folder / name
        if entry.exists():
            grave = self._folder / "partial" / f"damaged-{name}"
            if grave.exists():
                shutil.rmtree(grave)
            entry.rename(grave)
            shutil.rmtree(grave, ignore_errors=True)


def _document(name: str, listing: Listing) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "name": name,
        "files": [[file.path, file.bytes, file.modified_ns] for file in listing.files],
        "links": [[link.path, link.target] for link in listing.links],
    }
