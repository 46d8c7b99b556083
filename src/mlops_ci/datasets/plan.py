"""The data's digest as far as `plan` can tell it without fetching anything."""

from __future__ import annotations

from pathlib import Path

from mlops_ci.datasets.cache import DataCache
from mlops_ci.datasets.folder import digest_path
from mlops_ci.datasets.origin import OpenStore, Origin, entry_name, origin_of, pinned, require_digest
from mlops_ci.datasets.remote import list_remote
from mlops_ci.settings.data import DataSettings


def plan_digest(
    data: DataSettings, root: Path, *, cache: Path | None = None, open_store: OpenStore | None = None
) -> str | None:
    """The digest that the data will have; None without data, or when only fetching can tell.

    A folder is listed, and read unless `cache` (the runner's folder for data) remembers its hashes; an S3 prefix is
    listed, with `open_store` or with what the AWS settings say. A digest that contradicts `[data] digest` is refused.
    """
    origin = origin_of(data)
    if origin is None:
        return None
    found = _plan(origin, data, root, cache, open_store)
    if found is not None:
        require_digest(data, found)
    return found or pinned(data)


def _plan(
    origin: Origin, data: DataSettings, root: Path, cache: Path | None, open_store: OpenStore | None
) -> str | None:
    if origin.kind == "path":
        return digest_path(origin, data, root, cache).sha256
    if data.fingerprint == "command":
        return origin.setting_digest
    wanted = pinned(data)
    entries = DataCache(cache) if cache is not None else None
    if origin.kind == "fetch" or (
        entries is not None and wanted is not None and entries.find(entry_name(origin, data, wanted, root))
    ):
        return wanted
    listing = list_remote(_open(open_store)(origin.value))
    if data.fingerprint == "listing":
        return listing.digest
    return entries.known(listing.digest) if entries is not None else None


def _open(open_store: OpenStore | None) -> OpenStore:
    if open_store is not None:
        return open_store
    from mlops_ci.stores.open import open_store as default

    return default


def freshness_mark(data: DataSettings, digest: str | None, open_store: OpenStore | None = None) -> str | None:
    """What tells new data from old on any machine, without fetching it; None when only fetching can tell.

    `digest` is what `plan_digest` said. For an S3 prefix it is the listing: on a machine that has never fetched the
    data, the content's digest is unknown.
    """
    origin = origin_of(data)
    if origin is None:
        return "none"
    if origin.kind == "source" and data.fingerprint == "content":
        return list_remote(_open(open_store)(origin.value)).digest
    return digest
