"""Data that is used where it lies: a folder of the repository or of this machine."""

from __future__ import annotations

from pathlib import Path

from mlops_ci.datasets.digest import DataDigest, digest_folder
from mlops_ci.datasets.errors import EmptyDataError, UnsafeDataError
from mlops_ci.datasets.hashes import KnownHashes
from mlops_ci.datasets.listing import list_folder
from mlops_ci.datasets.origin import Origin
from mlops_ci.run.workspace import FOLDER
from mlops_ci.settings.data import DataSettings
from mlops_ci.stores.base import OnProgress


def digest_path(
    origin: Origin, data: DataSettings, root: Path, cache: Path | None, on_progress: OnProgress | None = None
) -> DataDigest:
    """The digest of the folder that `[data] path` names; raises `EmptyDataError` and what `list_folder` raises."""
    folder = data_folder(origin, root)
    if data.fingerprint == "command":
        listing = list_folder(folder)
        found = DataDigest(sha256=origin.setting_digest, files=len(listing.files), bytes=listing.bytes)
    else:
        hashes = KnownHashes(cache, folder) if cache is not None else None
        found = digest_folder(folder, data.fingerprint, hashes=hashes, on_progress=on_progress)
    if found.files == 0:
        raise EmptyDataError(f"the data folder {folder} holds no file", hint="put the data there, or correct `[data]`")
    return found


def data_folder(origin: Origin, root: Path) -> Path:
    """The real path of `[data] path`; raises `UnsafeDataError` when it holds the folder that we write into."""
    folder = (root / Path(origin.value).expanduser()).resolve()
    if (root.resolve() / FOLDER).is_relative_to(folder):
        raise UnsafeDataError(
            f"`[data] path` is {folder}, which holds the whole project and what this tool writes",
            hint="put the data into a folder of its own",
        )
    return folder
