"""A published bundle as a folder that is there whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from mlops_ci.errors import UsageError
from mlops_ci.files import regular_files
from mlops_ci.publishing.fetch import fetch
from mlops_ci.publishing.manifest import Manifest, read_manifest
from mlops_ci.stores.base import OnProgress, Store
from mlops_ci.stores.errors import from_os_error
from mlops_ci.stores.measure import measure

DIGITS = 16


class FolderTakenError(UsageError):
    """The folder to write into exists, and holds something else than what is to be fetched."""


def deliver(
    store: Store,
    manifest_key: str,
    folder: Path,
    *,
    sha256: str | None = None,
    below: str = "",
    on_progress: OnProgress | None = None,
) -> tuple[Manifest, bool]:
    """Write the files to the new `folder`; gives the manifest, and False when it held just these already.

    They are fetched beside it, each checked, and get its name in one step; after a kill the same call goes on. With
    `below` (`model/`) only that part. Raises `FolderTakenError`, and what `fetch` raises.
    """
    manifest = read_manifest(store, manifest_key, sha256=sha256)
    wanted = {file.name: file.sha256 for file in manifest.files if file.name.startswith(below)}
    if not wanted:
        raise FolderTakenError(
            f"{manifest_key} has no files below {below!r}", hint="`--only` names the beginning of files' names"
        )
    target = folder.absolute()
    digits = manifest_key.rsplit("/", 2)[-2][:DIGITS]
    parts = target.with_name(
        f".{target.name}.{digits}{'.' + below.strip('/').replace('/', '.') if below else ''}.parts"
    )
    try:
        if _taken(target):
            return manifest, _require_same(target, wanted)
        fetch(store, manifest_key, parts, sha256=sha256, below=below, on_progress=on_progress)
        _only(parts, wanted)
        os.rename(parts, target)
    except OSError as error:
        if _taken(target):
            # Another call was quicker.
            return manifest, _require_same(target, wanted)
        raise from_os_error(error, f"writing {folder}") from error
    return manifest, True


def _taken(target: Path) -> bool:
    return target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir())))


def _require_same(target: Path, wanted: dict[str, str]) -> bool:
    found = list(regular_files(target)) if target.is_dir() and not target.is_symlink() else []
    names = {path.relative_to(target).as_posix(): path for path in found}
    if names.keys() != wanted.keys() or any(measure(path).sha256 != wanted[name] for name, path in names.items()):
        raise FolderTakenError(
            f"{target} exists, and holds something else", hint="name a folder that does not exist yet: --to"
        )
    return False


def _only(parts: Path, wanted: dict[str, str]) -> None:
    """What an earlier call left unfinished there is no part of the bundle."""
    for path in list(regular_files(parts)):
        if path.relative_to(parts).as_posix() not in wanted:
            path.unlink()
