"""The one Protocol of all object stores, and what goes in and out of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class ObjectInfo:
    """One object. `sha256` (hex) and `etag` are null where the store does not tell them without reading the object.

    `modified` is when it was written, by the store's clock in seconds of Unix time; listings tell it.
    """

    key: str
    bytes: int
    sha256: str | None = None
    etag: str | None = None
    modified: float | None = None


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """An upload in parts that is not complete: `started` by the store's clock, `ident` the store's name for it."""

    key: str
    ident: str
    started: float


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file to store under `key`. `modified_ns` is its modification time when `sha256` was computed, if known."""

    key: str
    path: Path
    sha256: str
    bytes: int
    modified_ns: int | None = None


@dataclass(frozen=True, kw_only=True)
class Download:
    """An object to write to `path`. What is known of it (size, SHA-256, ETag) is checked."""

    key: str
    path: Path
    bytes: int | None = None
    sha256: str | None = None
    etag: str | None = None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a transfer is."""

    files: int
    bytes: int
    total_files: int
    total_bytes: int


OnProgress = Callable[[Progress], None]


class Store(Protocol):
    """Objects under immutable keys, relative to the store's address.

    All methods may be called from several threads. Whatever can't be asked raises `StoreUnreachableError` after the
    retries, whatever refuses us `StoreAccessError`, a store that does not exist `StoreAddressError`.
    """

    @property
    def uri(self) -> str:
        """The address, without credentials; `open_store` takes it back."""

    def put_file(self, key: str, path: Path, *, sha256: str) -> bool:
        """Create the object from a file. True: uploaded; False: it was there with the same content.

        Raises `StoreConflictError` when the key holds other content, `FileChangedError` when the file is not what
        `sha256` says.
        """

    def put_files(self, items: Sequence[Upload], *, on_progress: OnProgress | None = None) -> tuple[int, int]:
        """Like `put_file` for many, in parallel: how many were uploaded, and how many were there already."""

    def put_bytes(self, key: str, data: bytes, *, only_if_absent: bool) -> bool:
        """Write a small object. With `only_if_absent` False means that the key is taken and nothing was written."""

    def get_bytes(self, key: str) -> bytes:
        """A small object's content; raises `ObjectMissingError`."""

    def download(self, key: str, path: Path, *, sha256: str | None = None) -> None:
        """Write the object to `path`, whole or not at all; raises `ObjectDamagedError` when `sha256` differs."""

    def download_files(self, items: Sequence[Download], *, on_progress: OnProgress | None = None) -> None:
        """Like `download` for many, in parallel."""

    def hash_object(self, key: str) -> ObjectInfo:
        """Read the whole object and say its real size and SHA-256; raises `ObjectMissingError`."""

    def head(self, key: str) -> ObjectInfo | None:
        """What the store knows of the object, or None when there is none."""

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """All objects whose key starts with `prefix`, in the order of the keys' UTF-8 bytes."""

    def delete(self, key: str) -> None:
        """Remove the object, if it is there."""

    def now(self) -> float:
        """The store's own time in seconds of Unix time: ages are told by it, never by this machine's clock."""

    def unfinished(self) -> Iterator[Unfinished]:
        """Uploads in parts that have not been completed: of publishers that run now, or that were killed."""

    def abandon(self, upload: Unfinished) -> None:
        """Free what an unfinished upload holds, if it is still there."""


class Meter:
    """Counts a transfer from several threads; `on_progress` is never called by two of them at once."""

    def __init__(self, *, files: int, size: int, on_progress: OnProgress | None) -> None:
        self._lock = threading.Lock()
        self._files = 0
        self._bytes = 0
        self._total_files = files
        self._total_bytes = size
        self._on_progress = on_progress

    def add(self, *, files: int = 0, size: int = 0) -> None:
        """Count what has just been transferred."""
        with self._lock:
            self._files += files
            self._bytes += size
            if self._on_progress is not None:
                self._on_progress(
                    Progress(
                        files=self._files,
                        bytes=self._bytes,
                        total_files=self._total_files,
                        total_bytes=self._total_bytes,
                    )
                )
