"""Get the data of `[data]`: in place, from the runner's cache, or fetched, digested, checked and cached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.console import Console
from mlops_ci.datasets.cache import CachedData, DataCache
from mlops_ci.datasets.digest import digest_folder
from mlops_ci.datasets.errors import DataSettingError, EmptyDataError
from mlops_ci.datasets.folder import data_folder, digest_path
from mlops_ci.datasets.origin import OpenStore, Origin, entry_name, origin_of, pinned, require_digest
from mlops_ci.datasets.remote import RemoteListing, download, list_remote
from mlops_ci.errors import InternalError
from mlops_ci.progress import activity
from mlops_ci.settings.data import DataSettings
from mlops_ci.stores.base import Store
from mlops_ci.stores.errors import from_os_error
from mlops_ci.stores.narration import shown

RunFetch = Callable[[str, Path], None]
"""Runs the fetch command so that it writes into the (empty) folder; raises when it fails."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The data as training will see it. `cached`: a copy on this runner was used, and nothing was fetched."""

    path: Path
    digest: str
    files: int
    bytes: int
    cached: bool


@dataclass(frozen=True, kw_only=True)
class _Task:
    data: DataSettings
    origin: Origin
    root: Path
    folder: Path
    cache: DataCache
    console: Console

    def cached(self, digest: str | None) -> Dataset | None:
        """What the cache holds for a digest that is known before anything is fetched; a wrong digest is refused."""
        if digest is None:
            return None
        require_digest(self.data, digest)
        found = self.cache.find(entry_name(self.origin, self.data, digest, self.root))
        return _dataset(found, digest, cached=True) if found is not None else None

    def install(self, key: str, digest: str) -> Dataset:
        """Put what was fetched under `key` into the cache.

        Wrong data is kept under its own digest: whoever corrects the setting need not fetch it again.
        """
        found = self.cache.install(key, entry_name(self.origin, self.data, digest, self.root))
        require_digest(self.data, digest)
        return _dataset(found, digest, cached=False)


def obtain(
    data: DataSettings,
    *,
    root: Path,
    cache: Path,
    open_store: OpenStore,
    run_fetch: RunFetch | None,
    console: Console,
) -> Dataset:
    """The data, checked against `[data] digest`. Killed at any moment it leaves nothing that a later call would trust.

    `cache` is the runner's folder for data, `run_fetch` is needed for `[data] fetch` only. Raises the errors of
    `datasets.errors`, and what the store or the command raises.
    """
    origin = origin_of(data)
    if origin is None:
        raise DataSettingError("`[data]` names no source", hint="set `path`, `source` or `fetch` in `[data]`")
    entries = DataCache(cache, say=console.say)
    task = _Task(data=data, origin=origin, root=root, folder=cache, cache=entries, console=console)
    try:
        if origin.kind == "path":
            return _in_place(task)
        found = task.cached(pinned(data))
        if found is not None:
            return found
        if origin.kind == "source":
            return _from_store(task, open_store(origin.value))
        return _from_command(task, run_fetch)
    except OSError as error:
        raise from_os_error(error, f"preparing the data in {cache}") from error


def _in_place(task: _Task) -> Dataset:
    with activity(task.console, "reading the data") as reading:
        found = digest_path(task.origin, task.data, task.root, task.folder, shown(reading))
    require_digest(task.data, found.sha256)
    folder = data_folder(task.origin, task.root)
    return Dataset(path=folder, digest=found.sha256, files=found.files, bytes=found.bytes, cached=False)


def _from_store(task: _Task, store: Store) -> Dataset:
    mode = task.data.fingerprint
    digest = task.origin.setting_digest if mode == "command" else None
    found = task.cached(digest)
    if found is not None:
        return found
    listing = list_remote(store)
    digest = listing.digest if mode == "listing" else digest
    with task.cache.lock(f"source-{listing.digest}"):
        found = task.cached(digest or task.cache.known(listing.digest))
        return found or _download(task, store, listing, digest)


def _download(task: _Task, store: Store, listing: RemoteListing, digest: str | None) -> Dataset:
    folder = task.cache.partial(listing.digest, fresh=False)
    task.console.say(f"fetching {len(listing.objects)} files, {listing.bytes / 1e6:.1f} MB, from {store.uri}")
    with activity(task.console, "fetching the data") as fetching:
        download(store, listing, folder, shown(fetching))
    if digest is None:
        with activity(task.console, "reading the data") as reading:
            digest = digest_folder(folder, "content", on_progress=shown(reading)).sha256
        task.cache.remember(listing.digest, digest)
    return task.install(listing.digest, digest)


def _from_command(task: _Task, run_fetch: RunFetch | None) -> Dataset:
    if run_fetch is None:
        raise InternalError("`[data] fetch` needs an engine to run the command, and none was given")
    mode = task.data.fingerprint
    setting = task.origin.setting_digest
    key = entry_name(task.origin, task.data, setting, task.root)
    with task.cache.lock(f"fetch-{key}"):
        found = task.cached(setting) if mode == "command" else None
        if found is not None:
            return found
        folder = task.cache.partial(key, fresh=True)
        run_fetch(task.origin.value, folder)
        # The files are as old as the fetch: their times say nothing about the data.
        made = digest_folder(folder, "content" if mode == "content" else "listing", times=False)
        if made.files == 0:
            raise EmptyDataError(
                f"`{task.origin.value}` ended well and wrote no file", hint="write the data into the folder {output}"
            )
        return task.install(key, setting if mode == "command" else made.sha256)


def _dataset(found: CachedData, digest: str, *, cached: bool) -> Dataset:
    return Dataset(path=found.path, digest=digest, files=found.files, bytes=found.bytes, cached=cached)
