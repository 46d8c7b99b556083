"""A directory as an object store, with the semantics of S3's conditional writes: an object is created whole, once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from mlops_ci.stores import drafts
from mlops_ci.stores.accept import accept
from mlops_ci.stores.base import Download, Meter, ObjectInfo, OnProgress, Unfinished, Upload
from mlops_ci.stores.drafts import Draft
from mlops_ci.stores.errors import (
    STILL_WRITTEN,
    FileChangedError,
    ObjectKeyError,
    ObjectMissingError,
    StoreConflictError,
    from_os_error,
    gone,
)
from mlops_ci.stores.keys import check_key
from mlops_ci.stores.measure import CHUNK, measure
from mlops_ci.stores.parallel import in_parallel

# Inside the store, so that the final name is a link on the same file system.
DRAFTS = ".drafts"
LOCK = ".lock"
OURS = frozenset({DRAFTS, LOCK})
WORKERS = 8
_RENAME = "rename the file"


class LocalStore:
    """Objects as read-only files below `folder`. Writers of several processes may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._drafts = self._folder / DRAFTS
        drafts.sweep(self._drafts)

    @property
    def uri(self) -> str:
        """The folder's absolute path."""
        return str(self._folder)

    def put_file(self, key: str, path: Path, *, sha256: str) -> bool:
        """See `Store.put_file`."""
        created = self._put(key, path, sha256)
        self._sync([key])
        return created

    def put_files(self, items: Sequence[Upload], *, on_progress: OnProgress | None = None) -> tuple[int, int]:
        """See `Store.put_files`."""
        meter = Meter(files=len(items), size=sum(item.bytes for item in items), on_progress=on_progress)

        def put(item: Upload) -> bool:
            created = self._put(item.key, item.path, item.sha256)
            meter.add(files=1, size=item.bytes)
            return created

        uploaded = sum(in_parallel(put, items, workers=WORKERS))
        self._sync([item.key for item in items])
        return uploaded, len(items) - uploaded

    def put_bytes(self, key: str, data: bytes, *, only_if_absent: bool) -> bool:
        """See `Store.put_bytes`."""

        def write(fresh: Draft) -> None:
            fresh.stream.write(data)

        created = self._create(key, write, replace=not only_if_absent)
        self._sync([key])
        return created

    def get_bytes(self, key: str) -> bytes:
        """See `Store.get_bytes`."""
        with self._reading(key):
            return self._path(key).read_bytes()

    def download(self, key: str, path: Path, *, sha256: str | None = None) -> None:
        """See `Store.download`."""
        self._download(Download(key=key, path=path, sha256=sha256))

    def download_files(self, items: Sequence[Download], *, on_progress: OnProgress | None = None) -> None:
        """See `Store.download_files`."""
        meter = Meter(files=len(items), size=sum(item.bytes or 0 for item in items), on_progress=on_progress)

        def fetch(item: Download) -> None:
            self._download(item)
            meter.add(files=1, size=item.bytes or 0)

        in_parallel(fetch, items, workers=WORKERS)

    def hash_object(self, key: str) -> ObjectInfo:
        """See `Store.hash_object`."""
        with self._reading(key):
            facts = measure(self._path(key))
        return ObjectInfo(key=key, bytes=facts.bytes, sha256=facts.sha256)

    def head(self, key: str) -> ObjectInfo | None:
        """See `Store.head`."""
        path = self._path(key)
        try:
            if not path.is_file():
                return None
            status = path.stat()
        except OSError as error:
            raise from_os_error(error, f"asking the store {self.uri} for {key}") from error
        return ObjectInfo(key=key, bytes=status.st_size, modified=status.st_mtime)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """See `Store.list`."""
        if prefix.rstrip("/"):
            check_key(prefix.rstrip("/"))
        start = self._folder / os.path.dirname(prefix)
        for path, status in _walk(start, top=start == self._folder):
            key = path.relative_to(self._folder).as_posix()
            if key.startswith(prefix):
                yield ObjectInfo(key=key, bytes=status.st_size, modified=status.st_mtime)

    def delete(self, key: str) -> None:
        """See `Store.delete`."""
        try:
            self._path(key).unlink(missing_ok=True)
        except OSError as error:
            raise from_os_error(error, f"deleting {key} from the store {self.uri}") from error

    def now(self) -> float:
        """See `Store.now`: the clock of the file system, which may be another machine's."""
        try:
            with drafts.draft(self._drafts) as fresh:
                return os.fstat(fresh.stream.fileno()).st_mtime
        except OSError as error:
            raise from_os_error(error, f"asking the store {self.uri} for its time") from error

    def unfinished(self) -> Iterator[Unfinished]:
        """See `Store.unfinished`: there are none, since whoever opens the store sweeps dead writers' drafts away."""
        return iter(())

    def abandon(self, upload: Unfinished) -> None:
        """See `Store.abandon`."""

    def _path(self, key: str) -> Path:
        if check_key(key).split("/")[0] in OURS:
            raise ObjectKeyError(
                f"the object key {key!r} can't be used: the store keeps its own files there", hint=_RENAME
            )
        return self._folder / key

    def _put(self, key: str, path: Path, sha256: str) -> bool:
        created = self.head(key) is None and self._create(key, partial(_copy_checked, path, sha256=sha256))
        if not created:
            self._require_same(key, sha256)
        return created

    def _create(self, key: str, write: Callable[[Draft], None], *, replace: bool = False) -> bool:
        """Write a draft and give it its name; False when the name is taken and `replace` is not set."""
        target = self._path(key)
        try:
            with drafts.draft(self._drafts) as fresh:
                write(fresh)
                fresh.finish(drafts.OBJECT_MODE)
                if replace:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    os.replace(fresh.path, target)
                    return True
                return drafts.name_once(fresh.path, target, lock=self._folder / LOCK)
        except OSError as error:
            raise from_os_error(error, f"writing {key} into the store {self.uri}") from error

    def _require_same(self, key: str, sha256: str) -> None:
        found = self.hash_object(key).sha256
        if found != sha256:
            raise StoreConflictError(
                f"the store {self.uri} already holds other content under {key} (SHA-256 {found}, expected {sha256})",
                hint="the object was damaged or changed by hand: restore or remove it, then run the stage again",
            )

    def _download(self, item: Download) -> None:
        with self._reading(item.key):
            source = self._path(item.key).open("rb")
        with source:
            try:
                with drafts.draft(item.path.parent) as fresh:
                    digest = _copy(source, fresh)
                    accept(item, fresh, size=fresh.stream.tell(), sha256=digest, uri=self.uri)
            except OSError as error:
                raise from_os_error(error, f"writing {item.path}") from error

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise ObjectMissingError(
                f"the store {self.uri} has no object {key}",
                hint="check the store's address and the key; `mlops-ci runs` lists what was published",
            ) from error
        except OSError as error:
            raise from_os_error(error, f"reading {key} from the store {self.uri}") from error

    def _sync(self, keys: Sequence[str]) -> None:
        """Flush the folders of these keys up to the store's own, deepest first."""
        folders = {parent for key in keys for parent in (self._folder / key).parents if self._folder in parent.parents}
        drafts.sync_folders([*sorted(folders, key=lambda one: -len(one.parts)), self._folder])


def _copy(source: BinaryIO, fresh: Draft) -> str:
    digest = hashlib.sha256()
    while block := source.read(CHUNK):
        digest.update(block)
        fresh.stream.write(block)
    return digest.hexdigest()


def _copy_checked(path: Path, fresh: Draft, *, sha256: str) -> None:
    try:
        source = path.open("rb")
    except FileNotFoundError as error:
        raise gone(path) from error
    with source:
        found = _copy(source, fresh)
    if found != sha256:
        raise FileChangedError(
            f"{path} changed while it was being stored (SHA-256 {found}, expected {sha256})",
            hint=STILL_WRITTEN,
        )


def _walk(folder: Path, *, top: bool) -> Iterator[tuple[Path, os.stat_result]]:
    """Regular files in the order of S3: a folder sorts as its name with a slash."""
    try:
        entries = [entry for entry in os.scandir(folder) if not (top and entry.name in OURS)]
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise from_os_error(error, f"listing the store folder {folder}") from error
    for entry in sorted(entries, key=lambda one: os.fsencode(one.name + "/" * one.is_dir(follow_symlinks=False))):
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), top=False)
        elif entry.is_file(follow_symlinks=False):
            with suppress(FileNotFoundError):  # somebody else has just removed it
                yield Path(entry.path), entry.stat(follow_symlinks=False)
