"""Get a published bundle back, every file checked against the manifest before it has its name."""

from __future__ import annotations

from pathlib import Path

from mlops_ci.errors import UsageError
from mlops_ci.publishing.manifest import Manifest, PublishedFile, read_manifest
from mlops_ci.stores.base import Download, OnProgress, Store
from mlops_ci.stores.drafts import sweep
from mlops_ci.stores.errors import from_os_error
from mlops_ci.stores.measure import measure


class FetchTargetError(UsageError):
    """The folder to fetch into leads elsewhere by a symbolic link."""


def fetch(
    store: Store,
    manifest_key: str,
    folder: Path,
    *,
    sha256: str | None = None,
    below: str = "",
    on_progress: OnProgress | None = None,
) -> Manifest:
    """Write the files of a manifest to `folder`, under their names; with `below` (`model/`) only that part of them.

    What is there already and right is kept, so that a call after a kill goes on. Other files in `folder` stay.
    Raises `ManifestError`, `ObjectDamagedError`, `FetchTargetError`, and what a `Store` raises.
    """
    manifest = read_manifest(store, manifest_key, sha256=sha256)
    wanted = [file for file in manifest.files if file.name.startswith(below)]
    targets = [(file, _target(folder, file)) for file in wanted]
    try:
        for parent in {path.parent for _, path in targets}:
            parent.mkdir(parents=True, exist_ok=True)
            sweep(parent)
        missing = [(file, path) for file, path in targets if not _is_right(path, file)]
    except OSError as error:
        raise from_os_error(error, f"writing into {folder}") from error
    store.download_files(
        [Download(key=file.key, path=path, bytes=file.bytes, sha256=file.sha256) for file, path in missing],
        on_progress=on_progress,
    )
    return manifest


def _target(folder: Path, file: PublishedFile) -> Path:
    path = folder / file.name
    if not path.parent.resolve().is_relative_to(folder.resolve()):
        raise FetchTargetError(
            f"{path.parent} leads out of {folder} by a symbolic link", hint="fetch into an empty folder"
        )
    return path


def _is_right(path: Path, file: PublishedFile) -> bool:
    if path.is_symlink() or not path.is_file() or path.stat().st_size != file.bytes:
        return False
    return measure(path).sha256 == file.sha256
