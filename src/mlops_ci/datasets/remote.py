"""Data under an S3 prefix: its listing, and the parallel, checked download of what the listing says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlops_ci.datasets.digest import digest_rows
from mlops_ci.datasets.errors import EmptyDataError, UnsafeDataError
from mlops_ci.stores.base import Download, ObjectInfo, OnProgress, Store
from mlops_ci.stores.drafts import PREFIX
from mlops_ci.stores.keys import problem_with


@dataclass(frozen=True, kw_only=True)
class RemoteListing:
    """The objects under a prefix, sorted by key, and the digest of keys, sizes and ETags."""

    objects: tuple[ObjectInfo, ...]
    digest: str

    @property
    def bytes(self) -> int:
        """The size of all objects."""
        return sum(info.bytes for info in self.objects)


def list_remote(store: Store) -> RemoteListing:
    """One LIST per 1,000 objects. Raises `EmptyDataError`, and `UnsafeDataError` for keys that can't be files."""
    # An empty object that ends with a slash is how consoles show an empty folder.
    objects = sorted(
        (info for info in store.list() if not (info.key.endswith("/") and info.bytes == 0)), key=lambda info: info.key
    )
    if not objects:
        raise EmptyDataError(
            f"{store.uri} holds no object",
            hint="correct `[data] source`: it names a prefix (a folder of objects), not an object",
        )
    _check_names(store.uri, objects)
    rows = ((info.key, info.bytes, info.etag) for info in objects)
    return RemoteListing(objects=tuple(objects), digest=digest_rows("listing", rows))


def download(store: Store, listing: RemoteListing, folder: Path, on_progress: OnProgress | None) -> None:
    """Make `folder` hold exactly the listed objects. Files that an earlier, interrupted call finished are kept."""
    for leftover in folder.rglob(f"{PREFIX}*"):
        leftover.unlink()
    missing = [info for info in listing.objects if not _is_there(folder / info.key, info)]
    store.download_files(
        [Download(key=one.key, path=folder / one.key, bytes=one.bytes, etag=one.etag) for one in missing],
        on_progress=on_progress,
    )


def _is_there(path: Path, info: ObjectInfo) -> bool:
    """A file gets its name only when it is whole; the folder belongs to this very listing."""
    return path.is_file() and path.stat().st_size == info.bytes


def _check_names(uri: str, objects: list[ObjectInfo]) -> None:
    keys = {info.key for info in objects}
    for key in keys:
        problem = problem_with(key)
        parents = [key[:end] for end, char in enumerate(key) if char == "/"]
        clash = next((parent for parent in parents if parent in keys), None)
        if clash is not None:
            problem = f"{clash!r} is an object too, and can't be a file and a folder"
        if problem is not None:
            raise UnsafeDataError(
                f"the object {key!r} in {uri} can't become a file: {problem}", hint="rename or remove the object"
            )
