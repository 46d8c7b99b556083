"""Which of the three sources `[data]` names, and what its settings say about the digest."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlops_ci.datasets.digest import digest_rows
from mlops_ci.datasets.errors import DataDigestError, DataSettingError
from mlops_ci.settings.data import DataSettings
from mlops_ci.stores.base import Store

Kind = Literal["path", "source", "fetch"]
SHA256 = re.compile(r"[0-9a-f]{64}")
OpenStore = Callable[[str], Store]


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the data comes from, as `[data]` says it."""

    kind: Kind
    value: str

    @property
    def setting_digest(self) -> str:
        """The digest for `fingerprint = "command"`: of the setting, not of the data."""
        return digest_rows("command", [(self.kind, self.value)])


def origin_of(data: DataSettings) -> Origin | None:
    """The configured source, or None without data; raises `DataSettingError` when there are several."""
    named: list[tuple[Kind, str | None]] = [("path", data.path), ("source", data.source), ("fetch", data.fetch)]
    found = [Origin(kind=kind, value=value) for kind, value in named if value is not None]
    if len(found) > 1:
        names = " and ".join(f"`{origin.kind}`" for origin in found)
        raise DataSettingError(f"`[data]` names {names}", hint="keep one of them")
    return found[0] if found else None


def pinned(data: DataSettings) -> str | None:
    """`[data] digest` in lower case; raises `DataSettingError` when it is no SHA-256."""
    if data.digest is None:
        return None
    digest = data.digest.lower()
    if not SHA256.fullmatch(digest):
        raise DataSettingError(
            f"`[data] digest` is {data.digest!r}, which is no SHA-256", hint="write the 64 digits that `plan` prints"
        )
    return digest


def require_digest(data: DataSettings, found: str) -> None:
    """Raises `DataDigestError` when `[data] digest` says another."""
    wanted = pinned(data)
    if wanted not in {None, found}:
        raise DataDigestError(
            f"the data is not what `[data] digest` says: expected {wanted}, got {found}",
            hint="restore the expected data, or, if the new data is meant, set `[data] digest` to the new value",
        )


def entry_name(origin: Origin, data: DataSettings, digest: str, root: Path) -> str:
    """Under which name the cache keeps data with this digest.

    A digest of the content, or of a listing with ETags, means the same everywhere. One of a command, or of names and
    sizes only, means something in this project alone, and the cache may be shared by several.
    """
    universal = data.fingerprint == "content" or (data.fingerprint == "listing" and origin.kind == "source")
    return digest if universal else digest_rows("command", [(digest, str(root.resolve()))])
