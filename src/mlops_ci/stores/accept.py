"""The last step of a download: checked against what is known, and only then visible."""

from __future__ import annotations

import os

from mlops_ci.stores.base import Download
from mlops_ci.stores.drafts import Draft
from mlops_ci.stores.errors import ObjectDamagedError

DOWNLOAD_MODE = 0o644


def accept(item: Download, fresh: Draft, *, size: int, sha256: str | None, uri: str) -> None:
    """Give the downloaded draft its name; raises `ObjectDamagedError` when it is not what `item` says."""
    wrong_size = item.bytes is not None and item.bytes != size
    wrong_content = item.sha256 is not None and item.sha256 != sha256
    if wrong_size or wrong_content:
        found = f"{size} bytes" if wrong_size else f"SHA-256 {sha256}"
        expected = f"{item.bytes} bytes" if wrong_size else f"SHA-256 {item.sha256}"
        raise ObjectDamagedError(
            f"{item.key} in the store {uri} is damaged: it has {found}, expected {expected}",
            hint="restore the object from a backup, or remove it and publish it again",
        )
    fresh.finish(DOWNLOAD_MODE)
    os.replace(fresh.path, item.path)
