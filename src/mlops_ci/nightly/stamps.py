"""The stamps that runs of a schedule leave in the object store, so that any machine knows when the last ones were.

Three small objects for each project and mode, each replaced as a whole: `started.json`, `ended.json`, and
`succeeded.json`, which no failed or skipped run replaces. With two writers the later one stands: what it says is true,
and at worst a night trains once more than it had to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from mlops_ci.errors import UncheckedError
from mlops_ci.files import canonical_json
from mlops_ci.nightly.profile import SCHEMA as PROFILE_SCHEMA
from mlops_ci.nightly.profile import Profile
from mlops_ci.records.codec import RecordFormatError, from_json, to_json
from mlops_ci.run.clock import parse
from mlops_ci.settings.settings import safe_name
from mlops_ci.stores.base import Store
from mlops_ci.stores.errors import ObjectMissingError

STARTED_SCHEMA = "mlops-ci/nightly-started/1"
ENDED_SCHEMA = "mlops-ci/nightly-ended/1"
FOLDER = "nightly"

T = TypeVar("T")


class StampDamagedError(UncheckedError):
    """A stamp of the schedule in the object store is not what one of ours looks like."""


@dataclass(frozen=True, kw_only=True)
class Started:
    """A run has begun. `at` is the time of its (last) start."""

    schema: str = STARTED_SCHEMA
    run: str
    at: str
    host: str
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A run has ended. `parts` are the fingerprints that it was made from, `reason` why it failed or did nothing."""

    schema: str = ENDED_SCHEMA
    run: str
    started_at: str
    at: str
    result: Literal["passed", "skipped", "failed"]
    exit_code: int
    reason: str = ""
    parts: Mapping[str, str | None] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What is known of a schedule; None where no run has left that stamp."""

    started: Started | None = None
    ended: Ended | None = None
    succeeded: Ended | None = None


@dataclass(frozen=True, kw_only=True)
class Stamps:
    """The stamps of one project and mode in a store."""

    store: Store
    project: str
    mode: str

    def read(self) -> Memory:
        """All of them. Raises what the store raises, and `StampDamagedError`."""
        succeeded = self._get("succeeded", Ended, ENDED_SCHEMA)
        ended = self._get("ended", Ended, ENDED_SCHEMA)
        if succeeded is not None and (ended is None or parse(ended.at) < parse(succeeded.at)):
            # Killed between the two writes of `end`.
            ended = succeeded
        return Memory(started=self._get("started", Started, STARTED_SCHEMA), ended=ended, succeeded=succeeded)

    def succeeded(self) -> Ended | None:
        """The last successful run."""
        return self._get("succeeded", Ended, ENDED_SCHEMA)

    def started(self) -> Started | None:
        """The last start."""
        return self._get("started", Started, STARTED_SCHEMA)

    def start(self, stamp: Started) -> None:
        """A run begins."""
        self._put("started", stamp)

    def end(self, stamp: Ended) -> None:
        """A run has ended. Its success is written first: cut off in between, it counts as ended."""
        if stamp.result == "passed":
            self._put("succeeded", stamp)
        self._put("ended", stamp)

    def profile(self) -> Profile | None:
        """What the data of the last successful run looked like, where that run left a profile."""
        return self._get("profile", Profile, PROFILE_SCHEMA)

    def keep_profile(self, profile: bytes) -> None:
        """The data of a successful run, as the record's file has it: what later nights are compared with."""
        self.store.put_bytes(self.key("profile"), profile, only_if_absent=False)

    def key(self, name: str) -> str:
        """The object's key."""
        return f"{FOLDER}/{safe_name(self.project)}/{safe_name(self.mode)}/{name}.json"

    def _put(self, name: str, stamp: Any) -> None:
        self.store.put_bytes(self.key(name), canonical_json(to_json(stamp)), only_if_absent=False)

    def _get(self, name: str, kind: type[T], schema: str) -> T | None:
        try:
            data = self.store.get_bytes(self.key(name))
        except ObjectMissingError:
            return None
        where = f"{self.store.uri}/{self.key(name)}"
        try:
            found = from_json(kind, json.loads(data), where=where)
            for time in {"at", "started_at"} & set(vars(found)):
                _check_time(getattr(found, time))
        except (ValueError, RecordFormatError) as error:
            raise _damaged(where, str(error)) from error
        if vars(found)["schema"] != schema:
            raise _damaged(where, f"it is a {vars(found)['schema']}")
        return found


def _check_time(text: str) -> None:
    if parse(text).tzinfo is None:
        raise ValueError(f"{text} has no time zone")


def _damaged(where: str, why: str) -> StampDamagedError:
    return StampDamagedError(
        f"the stamp {where} cannot be read: {why}", hint="remove the object: the next run writes it anew"
    )
