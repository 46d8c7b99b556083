"""Checkpoints in an object store, so that a training goes on where its machine is gone.

Below `checkpoints/RUN/TRAINING/` lie the file of each checkpoint, under the name that has its step and digest, and
written after it, as its commit, a small `NAME.json`. A training that starts anywhere takes the newest whole one; its
digest is checked when it is fetched, and by the SDK again when it is loaded. Losing the store while it trains costs a
warning, never the training.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path

from mlops_ci.errors import MlopsError
from mlops_ci.guest import checkpoints
from mlops_ci.guest.checkpoints import Entry
from mlops_ci.stores.base import Store
from mlops_ci.stores.errors import FileChangedError, ObjectDamagedError, ObjectMissingError

PREFIX = "checkpoints"
COMMIT = ".json"
EVERY = 1.0
# At the end of an attempt the newest checkpoint gets this long (seconds) to reach the store.
LAST = 60.0


@dataclass
class AwayCheckpoints:
    """The checkpoints of one training, here in `folder` and there below `key`."""

    store: Store
    key: str
    folder: Path
    problem: str = ""
    _there: set[str] = field(default_factory=set)
    _ending: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def fetch(self) -> list[str]:
        """Take the newest whole checkpoint of the store where there is none as new here; gives lines to be told.

        Raises what a store raises that cannot be asked: a training is not begun anew because of that.
        """
        said = []
        here, _ = checkpoints.newest_good(self.folder)
        for entry in self._listed():
            if here is not None and here.step >= entry.step:
                break
            target = self.folder / entry.path
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                self.store.download(f"{self.key}/{entry.path}", target, sha256=entry.sha256)
            except (ObjectDamagedError, ObjectMissingError) as error:
                said.append(f"! the checkpoint of step {entry.step} in {self.store.uri} is not used: {error.cause}")
                continue
            checkpoints.adopt(self.folder, entry)
            said.append(f"took the checkpoint of step {entry.step} from {self.store.uri}")
            break
        return said

    def start(self) -> None:
        """Send each new checkpoint from now on, in a thread of its own."""
        self._ending.clear()
        self._thread = threading.Thread(target=self._follow, name="checkpoints-away", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send the newest one, for no longer than `LAST` seconds, and end."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(LAST)
            if self._thread.is_alive():
                self.problem = self.problem or f"the store does not take it within {LAST:.0f} s"
            self._thread = None

    def send(self) -> None:
        """Send the newest checkpoint if it is not there yet, and delete what is older than the newest two."""
        entry = next(iter(checkpoints.entries(self.folder)), None)
        if entry is None or entry.path in self._there:
            return
        try:
            self.store.put_file(f"{self.key}/{entry.path}", self.folder / entry.path, sha256=entry.sha256)
        except (FileNotFoundError, FileChangedError):
            # A newer one has taken its place in the meantime.
            return
        commit = json.dumps(entry.as_json(), sort_keys=True).encode()
        self.store.put_bytes(f"{self.key}/{entry.path}{COMMIT}", commit, only_if_absent=True)
        self._there.add(entry.path)
        self.problem = ""
        for old in self._listed()[checkpoints.KEEP :]:
            self._delete(old)

    def forget(self) -> None:
        """Delete all of them: they cannot be loaded. Raises what a store raises."""
        for entry in self._listed():
            self._delete(entry)
        self._there.clear()

    def _delete(self, entry: Entry) -> None:
        # The commit goes first: what is half deleted is nothing.
        self.store.delete(f"{self.key}/{entry.path}{COMMIT}")
        self.store.delete(f"{self.key}/{entry.path}")

    def _follow(self) -> None:
        while True:
            last = self._ending.is_set()
            try:
                self.send()
            except (MlopsError, OSError) as error:
                self.problem = error.cause if isinstance(error, MlopsError) else str(error)
            if last:
                return
            self._ending.wait(EVERY)

    def _listed(self) -> list[Entry]:
        """What the store has, newest first; what is not understood is left out."""
        found = []
        for info in self.store.list(f"{self.key}/"):
            if not info.key.endswith(COMMIT):
                continue
            try:
                found.append(checkpoints.entry_of(json.loads(self.store.get_bytes(info.key))))
            except (ObjectMissingError, ValueError, KeyError, TypeError):
                continue
        return sorted(found, key=lambda one: (one.step, one.time), reverse=True)
