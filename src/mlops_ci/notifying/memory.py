"""What was told before: a small file in the object store for each kind of event and line of runs.

Without it nobody could know on a fresh machine that last night's run failed too, or that this is the first good one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mlops_ci.errors import UncheckedError
from mlops_ci.files import canonical_json
from mlops_ci.records.codec import RecordFormatError, from_json, to_json
from mlops_ci.stores.base import Store
from mlops_ci.stores.errors import ObjectMissingError
from mlops_ci.web import in_time

SCHEMA = "mlops-ci/notifications/1"
KEPT = 20
SECONDS = 30.0


class MemoryLostError(UncheckedError):
    """What was told before could not be read, or written down, in time."""


@dataclass(frozen=True, kw_only=True)
class OpenTrouble:
    """A trouble that was told and is not over: `since` the first time, `times` including those not told."""

    cause: str
    since: str
    told_at: str
    times: int = 1


@dataclass(frozen=True, kw_only=True)
class ChannelMemory:
    """What one channel was told: the ids of the newest events, and the trouble that it still knows of."""

    told: tuple[str, ...] = ()
    trouble: OpenTrouble | None = None


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """One file."""

    schema: str = SCHEMA
    channels: Mapping[str, ChannelMemory] = field(default_factory=dict)

    def of(self, channel: str) -> ChannelMemory:
        """What that channel was told."""
        return self.channels.get(channel, ChannelMemory())

    def with_channel(self, channel: str, memory: ChannelMemory) -> Remembered:
        """The same with another memory for one channel."""
        kept = ChannelMemory(told=memory.told[-KEPT:], trouble=memory.trouble)
        return Remembered(channels={**self.channels, channel: kept})


class Memory(Protocol):
    """Where it is kept."""

    def read(self, key: str) -> Remembered:
        """What is remembered there; nothing is remembered at first."""

    def write(self, key: str, remembered: Remembered) -> None:
        """Replace it."""


@dataclass(kw_only=True)
class StoreMemory:
    """In an object store, which is opened when it is first needed; never longer than some seconds for one question."""

    open_store: Callable[[], Store]
    seconds: float = SECONDS

    def read(self, key: str) -> Remembered:
        """See `Memory.read`; a damaged file counts as none."""

        def ask() -> bytes:
            try:
                return self.open_store().get_bytes(key)
            except ObjectMissingError:
                return b"{}"

        try:
            return from_json(Remembered, json.loads(self._in_time(ask)))
        except (ValueError, RecordFormatError):
            return Remembered()

    def write(self, key: str, remembered: Remembered) -> None:
        """See `Memory.write`."""
        data = canonical_json(to_json(remembered))
        self._in_time(lambda: b"1" if self.open_store().put_bytes(key, data, only_if_absent=False) else b"")

    def _in_time(self, call: Callable[[], bytes]) -> bytes:
        ended = in_time(self.seconds, {"store": call})["store"]
        if ended.error is not None:
            raise ended.error
        if not ended.done or ended.value is None:
            raise MemoryLostError(
                f"the object store did not answer within {self.seconds:.0f} s", hint="is it reachable?"
            )
        return ended.value
