"""How publishers and collectors of garbage that never met keep out of each other's way: by small notices in the store.

    publishing/MODEL/DIGITS      a publish runs: the first digits of the content that its manifest will name
    gc/ID                        a collector deletes right now

A publisher puts up its notice, and then looks for those of collectors; a collector puts up its own, and then looks for
those of publishers. So at least one of the two sees the other: the collector keeps what is announced, the publisher
waits before it relies on anything that lies there already. Needed because an old object that nobody names is used again
by the publish of the same content.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from mlops_ci.errors import InfrastructureError, MlopsError
from mlops_ci.publishing.constants import constants
from mlops_ci.publishing.manifest import MODELS, NAME
from mlops_ci.stores.base import ObjectInfo, Store
from mlops_ci.stores.errors import ObjectMissingError

PUBLISHING = "publishing/"
COLLECTING = "gc/"
DIGITS = 16


class CollectorBusyError(InfrastructureError):
    """Somebody has been deleting unused objects from the store for so long that this publish gave up waiting."""


class LeaseLostError(InfrastructureError):
    """A collector was held up for so long that publishers may take it for dead: it stopped before its next deletion."""


def notice_key(manifest_key: str) -> str:
    """Where the publish of a manifest puts its notice."""
    return PUBLISHING + manifest_key.removeprefix(MODELS).removesuffix(f"/{NAME}")


def manifest_of(notice: str) -> str:
    """The manifest that a publisher's notice is about."""
    return f"{MODELS}{notice.removeprefix(PUBLISHING)}/{NAME}"


@contextmanager
def announced(
    store: Store,
    manifest_key: str,
    digests: Iterable[str],
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[None]:
    """Publish within the block: nobody deletes what these digests name. A killed publisher's notice ages away.

    Raises `CollectorBusyError` when a collector does not come to its end.
    """
    key, numbers, begun = notice_key(manifest_key), constants(), clock()
    lines = "".join(f"{digest[:DIGITS]}\n" for digest in sorted(set(digests)))
    while True:
        # Put up anew after each wait: a collector may have taken the notice of an earlier, killed attempt away.
        store.put_bytes(key, lines.encode(), only_if_absent=False)
        living = _living(store, numbers.lease)
        if not living:
            break
        if clock() - begun > numbers.patience:
            raise CollectorBusyError(
                f"unused objects are being deleted from {store.uri} ({living[0].key}), for more than "
                f"{numbers.patience:.0f} seconds",
                hint="run publish again when `mlops-ci artifacts gc` has ended",
            )
        sleep(1.0)
    yield
    # The manifest is there, and keeps what it names. Who may not delete leaves the notice to the next collector.
    with suppress(MlopsError):
        store.delete(key)


def _living(store: Store, lease: float) -> list[ObjectInfo]:
    marks = list(store.list(COLLECTING))
    if not marks:
        return []
    now = store.now()
    return [mark for mark in marks if now - (mark.modified or now) < lease]


def announcements(store: Store, *, since: float) -> dict[str, frozenset[str]]:
    """Manifest key → first digits of the content, of publishes that were announced after `since` (the store's time)."""
    found = {}
    for info in store.list(PUBLISHING):
        if info.modified is None or info.modified >= since:
            with suppress(ObjectMissingError):  # it has ended just now: its manifest is there
                found[manifest_of(info.key)] = frozenset(store.get_bytes(info.key).decode().split())
    return found


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A collector's right to delete, until `until` on the monotonic clock."""

    until: float

    def check(self) -> None:
        """Raise `LeaseLostError` when it is over."""
        if time.monotonic() > self.until:
            raise LeaseLostError(
                "this collector was held up for too long (a slow store, a suspended process), and stopped",
                hint="run `mlops-ci artifacts gc --delete` again: it goes on where this one stopped",
            )


@contextmanager
def collecting(store: Store) -> Iterator[Lease]:
    """Delete within the block: publishers that begin now wait until it is over."""
    key = f"{COLLECTING}{uuid.uuid4().hex[:DIGITS]}"
    until = time.monotonic() + constants().lease / 2
    store.put_bytes(key, b"", only_if_absent=True)
    try:
        yield Lease(until=until)
    finally:
        with suppress(MlopsError):
            store.delete(key)
