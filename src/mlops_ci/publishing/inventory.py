"""What a store holds, seen from its manifests: everything that counts is reachable from one."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_ci.publishing.manifest import MODELS, NAME, OBJECTS, read_manifest
from mlops_ci.stores.base import ObjectInfo, Store


def manifests(store: Store, *, model: str | None = None) -> Iterator[str]:
    """The keys of all manifests, or of one model's."""
    prefix = MODELS if model is None else f"{MODELS}{model}/"
    return (info.key for info in store.list(prefix) if info.key.endswith(f"/{NAME}"))


def orphans(store: Store) -> list[ObjectInfo]:
    """Objects that no manifest names: left by a publish that was killed and never run again, or by one that runs now.

    Raises `ManifestError` when a manifest can't be read: then nothing is known to be an orphan.
    """
    objects = list(store.list(OBJECTS))
    reachable = {file.key for key in manifests(store) for file in read_manifest(store, key).files}
    return [info for info in objects if info.key not in reachable]
