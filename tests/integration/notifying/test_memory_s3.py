"""What was told is remembered on a real S3 server, as a machine that is new every night needs it."""

from __future__ import annotations

import pytest

from mlops_ci.notifying.memory import ChannelMemory, OpenTrouble, Remembered, StoreMemory
from mlops_ci.publishing.inventory import orphans
from mlops_ci.stores.errors import StoreAccessError

KEY = "notifications/digits/failure-0123456789abcdef.json"


def test_there_and_back_and_over_it(place) -> None:
    memory = StoreMemory(open_store=place.store)
    assert memory.read(KEY) == Remembered()
    first = Remembered().with_channel("slack", ChannelMemory(told=("a",)))
    trouble = OpenTrouble(cause="c", since="1", told_at="1")
    second = first.with_channel("slack", ChannelMemory(told=("a", "b"), trouble=trouble))
    for one in (first, second):
        memory.write(KEY, one)
        assert StoreMemory(open_store=place.store).read(KEY) == one
    assert orphans(place.store()) == []


def test_wrong_keys_are_an_error_and_not_an_empty_memory(place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(StoreAccessError):
        StoreMemory(open_store=place.store).read(KEY)
