"""Checkpoints in a store that no run needs: of one that is published, and of those that nobody goes on with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from mlops_ci.errors import MlopsError
from mlops_ci.settings.settings import Settings
from mlops_ci.stages.addresses import store_opener
from mlops_ci.stages.session import Session
from mlops_ci.stores.base import ObjectInfo, Store
from mlops_ci.training.away import COMMIT, PREFIX


@dataclass(frozen=True, kw_only=True)
class OldCheckpoints:
    """What a store has of runs that may go: run to its objects."""

    store: Store
    runs: dict[str, tuple[ObjectInfo, ...]]

    @property
    def bytes(self) -> int:
        """What the deletion frees."""
        return sum(info.bytes for infos in self.runs.values() for info in infos)

    def delete(self) -> None:
        """Delete them."""
        for infos in self.runs.values():
            _delete(self.store, infos)


def forget(session: Session) -> None:
    """Delete those of this run: it is trained, judged and published. A store that does not answer costs a line."""
    store = _store(session.settings)
    if store is None:
        return
    try:
        found = list(store.list(f"{PREFIX}/{session.run.id}/"))
        _delete(store, found)
    except MlopsError as error:
        session.console.say(f"! the checkpoints of this run are still in {store.uri}: {error.cause}")
        return
    if found:
        session.console.say(f"the checkpoints of this run are no longer needed, and gone from {store.uri}")


def find(settings: Settings, *, older_than: float) -> OldCheckpoints | None:
    """Those of runs whose newest object is older than that (seconds); None where no store is named for them."""
    store = _store(settings)
    if store is None:
        return None
    runs: dict[str, list[ObjectInfo]] = defaultdict(list)
    for info in store.list(f"{PREFIX}/"):
        runs[info.key.split("/")[1]].append(info)
    since = store.now() - older_than
    old = {
        run: tuple(infos)
        for run, infos in sorted(runs.items())
        # Of what the store does not tell the age counts as young.
        if all(info.modified is not None and info.modified < since for info in infos)
    }
    return OldCheckpoints(store=store, runs=old)


def _store(settings: Settings) -> Store | None:
    address = settings.tables.train.checkpoint_store
    return store_opener(settings)(address) if address is not None else None


def _delete(store: Store, infos: Iterable[ObjectInfo]) -> None:
    """Commits go first: what is half deleted is nothing."""
    for info in sorted(infos, key=lambda one: (not one.key.endswith(COMMIT), one.key)):
        store.delete(info.key)
