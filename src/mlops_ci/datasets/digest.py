"""One SHA-256 for a data set, over a canonical listing: a JSON line that says how, then one per file and link.

`content`: path, size and SHA-256 of every file; the same wherever the data lies. `listing`: path, size, and the time of
modification or the ETag. `command`: only the setting that says where the data comes from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mlops_ci.datasets.errors import DataAccessError, DataChangedError
from mlops_ci.datasets.hashes import KnownHashes
from mlops_ci.datasets.listing import FileEntry, Link, list_folder
from mlops_ci.files import canonical_json
from mlops_ci.stores.base import Meter, OnProgress
from mlops_ci.stores.measure import WORKERS, measure
from mlops_ci.stores.parallel import in_parallel

SCHEMA = "mlops-ci/data/1"
Mode = Literal["content", "listing", "command"]


@dataclass(frozen=True, kw_only=True)
class DataDigest:
    """The digest of a data set and its size."""

    sha256: str
    files: int
    bytes: int


def digest_folder(
    folder: Path,
    mode: Mode,
    *,
    hashes: KnownHashes | None = None,
    times: bool = True,
    on_progress: OnProgress | None = None,
) -> DataDigest:
    """The digest of the data in `folder`, by `content` or `listing` (without times for data that was just made).

    `hashes` saves reading files that have not changed since. Raises what `list_folder` raises.
    """
    listing = list_folder(folder)
    if mode == "content":
        rows: Iterable[tuple[Any, ...]] = zip(
            (file.path for file in listing.files),
            (file.bytes for file in listing.files),
            _hash_all(folder, listing.files, hashes, on_progress),
            strict=True,
        )
    else:
        rows = ((file.path, file.bytes, file.modified_ns if times else None) for file in listing.files)
    return DataDigest(sha256=digest_rows(mode, rows, listing.links), files=len(listing.files), bytes=listing.bytes)


def digest_rows(mode: Mode, rows: Iterable[tuple[Any, ...]], links: Iterable[Link] = ()) -> str:
    """The SHA-256, in hex, of rows (path, size, what tells versions apart), sorted by path, and of the links."""
    digest = hashlib.sha256()

    def add(value: Any) -> None:
        digest.update(canonical_json(value) + b"\n")

    add({"schema": SCHEMA, "by": mode})
    for row in rows:
        add(["file", *row])
    for link in links:
        add(["link", link.path, link.target])
    return digest.hexdigest()


def _hash_all(
    folder: Path, files: tuple[FileEntry, ...], hashes: KnownHashes | None, on_progress: OnProgress | None
) -> list[str]:
    meter = Meter(files=len(files), size=sum(file.bytes for file in files), on_progress=on_progress)

    def hash_one(file: FileEntry) -> str:
        known = hashes.get(file) if hashes is not None else None
        sha256 = known or _hash(folder / file.path, file)
        meter.add(files=1, size=file.bytes)
        return sha256

    found = in_parallel(hash_one, files, workers=WORKERS)
    if hashes is not None:
        hashes.save(zip(files, found, strict=True))
    return found


def _hash(path: Path, file: FileEntry) -> str:
    try:
        facts = measure(path)
    except PermissionError as error:
        raise DataAccessError(
            f"{path} can't be read: {error.strerror}", hint="give this user read permission"
        ) from error
    except FileNotFoundError as error:
        raise DataChangedError(f"{path} vanished while the data was read", hint="run the stage again") from error
    if (facts.bytes, facts.modified_ns) != (file.bytes, file.modified_ns):
        raise DataChangedError(
            f"{path} changed while the data was read", hint="run the stage again when it is complete"
        )
    return facts.sha256
