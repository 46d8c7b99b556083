"""What is remembered survives the way through a store, and damage is no crash."""

from __future__ import annotations

import threading

import pytest

from mlops_ci.notifying.memory import KEPT, ChannelMemory, MemoryLostError, OpenTrouble, Remembered, StoreMemory
from mlops_ci.stores.local import LocalStore

KEY = "notifications/digits/failure-0123.json"


@pytest.fixture
def memory(tmp_path):
    return StoreMemory(open_store=lambda: LocalStore(tmp_path))


def test_there_and_back(memory):
    assert memory.read(KEY) == Remembered()
    trouble = OpenTrouble(cause="c", since="1", told_at="2", times=3)
    kept = Remembered().with_channel("slack", ChannelMemory(told=("a",), trouble=trouble))
    memory.write(KEY, kept)
    memory.write(KEY, kept)
    assert memory.read(KEY) == kept


@pytest.mark.parametrize("text", ["", "[]", "{", '{"channels": 3}', '{"channels": {"slack": {"told": 3}}}'])
def test_damage_is_forgotten(memory, tmp_path, text):
    memory.write(KEY, Remembered())
    (tmp_path / KEY).write_text(text)
    assert memory.read(KEY) == Remembered()


def test_it_does_not_grow():
    known = Remembered()
    for number in range(3 * KEPT):
        known = known.with_channel("slack", ChannelMemory(told=(*known.of("slack").told, str(number))))
    assert len(known.of("slack").told) == KEPT


def test_a_store_that_hangs_is_not_waited_for():
    released = threading.Event()
    memory = StoreMemory(open_store=lambda: released.wait(30), seconds=0.05)
    with pytest.raises(MemoryLostError):
        memory.read(KEY)
    released.set()
