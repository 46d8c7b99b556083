"""What is needed in a store: everything that a manifest names, or that a running publish has announced."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from mlops_ci.publishing.manifest import MODELS, NAME, Manifest, read_manifest
from mlops_ci.publishing.notices import DIGITS, announcements
from mlops_ci.stores.base import ObjectInfo, Store
from mlops_ci.stores.errors import ObjectMissingError
from mlops_ci.stores.parallel import in_parallel

WORKERS = 8


@dataclass(frozen=True, kw_only=True)
class Needed:
    """Keys that manifests name, first digits of content that is announced, and the announced manifests' keys."""

    keys: frozenset[str]
    digits: frozenset[str]
    announced: frozenset[str]

    def holds(self, key: str) -> bool:
        """Whether the object under `key` must stay."""
        return key in self.keys or key.rpartition("/")[2][:DIGITS] in self.digits


@dataclass
class Library:
    """The manifests of a store, each read once: they never change. One that can't be read stops everything."""

    store: Store
    _read: dict[str, Manifest] = field(default_factory=dict)

    def listed(self) -> list[ObjectInfo]:
        """The manifests that are there now."""
        return [info for info in self.store.list(MODELS) if info.key.endswith(f"/{NAME}")]

    def manifests(self, infos: Collection[ObjectInfo]) -> Mapping[str, Manifest]:
        """These manifests by key; what has gone since the listing is left out. Raises `ManifestError`."""
        new = [info.key for info in infos if info.key not in self._read]
        for key, manifest in zip(new, in_parallel(self._one, new, workers=WORKERS), strict=True):
            if manifest is not None:
                self._read[key] = manifest
        return {info.key: self._read[info.key] for info in infos if info.key in self._read}

    def needed(self, *, since: float, without: Collection[str] = ()) -> Needed:
        """What must stay now. `without` are manifests that are about to go; announcements before `since` are dead."""
        running = announcements(self.store, since=since)
        kept = [info for info in self.listed() if info.key not in without]
        return Needed(
            keys=frozenset(file.key for manifest in self.manifests(kept).values() for file in manifest.files),
            digits=frozenset(digits for one in running.values() for digits in one),
            announced=frozenset(running),
        )

    def _one(self, key: str) -> Manifest | None:
        try:
            return read_manifest(self.store, key)
        except ObjectMissingError:
            return None
