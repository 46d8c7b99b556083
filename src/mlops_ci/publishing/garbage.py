"""Collects garbage: objects that no manifest names, old manifests where asked, what killed publishers left behind.

Nothing is remembered between calls: what a killed one has not deleted is found again by the next. Two at once delete
the same things, and to delete what is gone is no error.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from mlops_ci.publishing.constants import constants
from mlops_ci.publishing.manifest import OBJECTS
from mlops_ci.publishing.notices import COLLECTING, PUBLISHING, Lease, announcements, collecting
from mlops_ci.publishing.reach import Library
from mlops_ci.stores.base import Meter, ObjectInfo, OnProgress, Store, Unfinished
from mlops_ci.stores.parallel import in_parallel

WORKERS = 8


@dataclass(frozen=True, kw_only=True)
class Garbage:
    """What may go, and what was kept only because it is young. `since`: what the store wrote later is young."""

    since: float
    manifests: tuple[ObjectInfo, ...]
    objects: tuple[ObjectInfo, ...]
    notices: tuple[ObjectInfo, ...]
    uploads: tuple[Unfinished, ...]
    kept: int
    young: int

    @property
    def bytes(self) -> int:
        """What the deletion frees. What unfinished uploads hold is not known."""
        return sum(info.bytes for info in (*self.manifests, *self.objects, *self.notices))

    @property
    def count(self) -> int:
        """How many things may go."""
        return len(self.manifests) + len(self.objects) + len(self.notices) + len(self.uploads)


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What was deleted; `spared` became needed between the look and the deletion."""

    deleted: int
    bytes: int
    uploads: int
    spared: int


def garbage(
    library: Library, *, older_than: float, keep: int | None = None, pinned: Collection[str] = frozenset()
) -> Garbage:
    """Look, and delete nothing. `keep`: of each model only the newest manifests stay, and those in `pinned`.

    Raises `ManifestError` when a manifest can't be read: then nothing is known to be garbage.
    """
    store = library.store
    since = store.now() - older_than
    objects = list(store.list(OBJECTS))
    leaving = tuple(info for info in expired(library.listed(), keep, pinned) if _old(info, since))
    needed = library.needed(since=since, without={info.key for info in leaving})
    leaving = tuple(info for info in leaving if info.key not in needed.announced)
    unused = [info for info in objects if not needed.holds(info.key)]
    return Garbage(
        since=since,
        manifests=leaving,
        objects=tuple(info for info in unused if _old(info, since)),
        notices=tuple(info for place in (PUBLISHING, COLLECTING) for info in store.list(place) if _old(info, since)),
        uploads=tuple(one for one in store.unfinished() if one.key.startswith(OBJECTS) and one.started < since),
        kept=len(objects) - len(unused),
        young=sum(not _old(info, since) for info in unused),
    )


def expired(
    manifests: Iterable[ObjectInfo], keep: int | None, pinned: Collection[str] = frozenset()
) -> tuple[ObjectInfo, ...]:
    """The manifests of each model beyond its newest `keep`, but for pinned ones."""
    if keep is None:
        return ()
    models: dict[str, list[ObjectInfo]] = {}
    for info in manifests:
        models.setdefault(info.key.rsplit("/", 2)[0], []).append(info)
    old = [
        info
        for members in models.values()
        for info in sorted(members, key=lambda one: (one.modified or 0.0, one.key), reverse=True)[keep:]
    ]
    return tuple(info for info in old if info.key not in pinned)


def collect(
    library: Library,
    found: Garbage,
    *,
    pinned: Callable[[], Collection[str]] = frozenset,
    on_progress: OnProgress | None = None,
) -> Collected:
    """Delete what was found, in phases; before each one it is looked again at what is needed, and `pinned` asked anew.

    Manifests go first: killed after that, their objects are garbage for the next call. Raises `LeaseLostError`, and
    what a `Store` raises.
    """
    store = library.store
    everything = (*found.manifests, *found.objects, *found.notices)
    meter = Meter(files=len(everything), size=found.bytes, on_progress=on_progress)

    def still(batch: Sequence[ObjectInfo]) -> list[ObjectInfo]:
        needed = library.needed(since=found.since)
        return [info for info in batch if not needed.holds(info.key)]

    def leaving(batch: Sequence[ObjectInfo]) -> list[ObjectInfo]:
        kept = {*announcements(store, since=found.since), *pinned()}
        return [info for info in batch if info.key not in kept]

    def dead(batch: Sequence[ObjectInfo]) -> list[ObjectInfo]:
        now = {info.key for place in (PUBLISHING, COLLECTING) for info in store.list(place) if _old(info, found.since)}
        return [info for info in batch if info.key in now]

    gone = [
        info
        for infos, choose in ((found.manifests, leaving), (found.objects, still), (found.notices, dead))
        for info in _phases(store, infos, choose, meter)
    ]
    _abandon(store, found.uploads)
    return Collected(
        deleted=len(gone),
        bytes=sum(info.bytes for info in gone),
        uploads=len(found.uploads),
        spared=len(everything) - len(gone),
    )


def _phases(
    store: Store,
    infos: Sequence[ObjectInfo],
    choose: Callable[[Sequence[ObjectInfo]], list[ObjectInfo]],
    meter: Meter,
) -> Iterator[ObjectInfo]:
    size = constants().batch
    for start in range(0, len(infos), size):
        with collecting(store) as lease:
            doomed = choose(infos[start : start + size])
            in_parallel(partial(_delete, store, lease, meter), doomed, workers=WORKERS)
        yield from doomed


def _delete(store: Store, lease: Lease, meter: Meter, info: ObjectInfo) -> None:
    lease.check()
    store.delete(info.key)
    meter.add(files=1, size=info.bytes)


def _abandon(store: Store, uploads: Sequence[Unfinished]) -> None:
    """Their publishers are older than any that can run: nothing is left that could complete them."""
    for upload in uploads:
        store.abandon(upload)


def _old(info: ObjectInfo, since: float) -> bool:
    """Of what the store does not tell the age counts as young."""
    return info.modified is not None and info.modified < since
