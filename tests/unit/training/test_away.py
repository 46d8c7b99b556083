"""Checkpoints that are kept in a store: what goes there, and what another machine takes from it."""

import shutil
import threading

import pytest

from mlops_ci.guest import checkpoints
from mlops_ci.stores.errors import StoreUnreachableError
from mlops_ci.stores.local import LocalStore
from mlops_ci.training import away
from mlops_ci.training.away import AwayCheckpoints

KEY = "checkpoints/run-1/train"


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store")


@pytest.fixture
def machine(tmp_path, store):
    def make(name):
        return AwayCheckpoints(store, KEY, tmp_path / name / "checkpoints")

    return make


def save(one, step, text=b"state"):
    return checkpoints.save(one.folder, step, lambda path: path.write_bytes(text + str(step).encode()))


def names(store):
    return sorted(info.key.removeprefix(f"{KEY}/") for info in store.list(KEY))


def test_another_machine_takes_the_newest_one(machine, store):
    here, there = machine("a"), machine("b")
    for step in (3, 6, 9):
        entry = save(here, step)
        here.send()
        here.send()
    assert len(names(store)) == 2 * checkpoints.KEEP
    assert there.fetch() == [f"took the checkpoint of step 9 from {store.uri}"]
    taken, warnings = checkpoints.newest_good(there.folder)
    assert (taken, warnings) == (entry, [])
    assert (there.folder / taken.path).read_bytes() == b"state9"
    assert there.fetch() == []


def test_one_that_is_further_itself_takes_nothing(machine):
    here, there = machine("a"), machine("b")
    save(here, 3)
    here.send()
    save(there, 4)
    assert there.fetch() == []
    assert there.folder.joinpath(checkpoints.entries(there.folder)[0].path).read_bytes() == b"state4"


def test_a_damaged_one_is_told_and_the_one_before_it_taken(machine, store, tmp_path):
    here, there = machine("a"), machine("b")
    for step in (3, 6):
        entry = save(here, step)
        here.send()
    (tmp_path / "store" / KEY / entry.path).write_bytes(b"other!")
    said = there.fetch()
    assert [line.split(" in ")[0] for line in said] == [
        "! the checkpoint of step 6",
        f"took the checkpoint of step 3 from {store.uri}",
    ]
    assert checkpoints.newest_good(there.folder)[0].step == 3


def test_what_was_not_committed_is_nothing(machine, store, tmp_path):
    here, there = machine("a"), machine("b")
    entry = save(here, 3)
    store.put_file(f"{KEY}/{entry.path}", here.folder / entry.path, sha256=entry.sha256)
    store.put_bytes(f"{KEY}/x.ckpt.json", b"garbage", only_if_absent=True)
    store.put_bytes(f"{KEY}/y.ckpt.json", b'{"path": "../../evil", "step": 1}', only_if_absent=True)
    assert there.fetch() == []
    assert not there.folder.exists()


def test_a_store_that_is_down_costs_a_training_a_warning_and_its_start_an_error(machine, store, monkeypatch):
    here = machine("a")
    save(here, 3)

    def down(*_, **__):
        raise StoreUnreachableError("no answer", hint="wait")

    with monkeypatch.context() as broken:
        broken.setattr(store, "put_file", down)
        here.start()
        here.stop()
        assert here.problem == "no answer"
        broken.setattr(store, "list", down)
        with pytest.raises(StoreUnreachableError):
            here.fetch()
    here.start()
    here.stop()
    assert here.problem == ""
    assert len(names(store)) == 2


def test_one_that_vanishes_while_it_is_sent_is_left_out(machine, store):
    here = machine("a")
    entry = save(here, 3)
    (here.folder / entry.path).unlink()
    here.send()
    assert names(store) == []


def test_a_store_that_never_answers_holds_nobody_up(machine, store, monkeypatch):
    here = machine("a")
    save(here, 3)
    monkeypatch.setattr(away, "LAST", 0.05)
    answers = threading.Event()
    monkeypatch.setattr(here, "send", answers.wait)
    here.start()
    thread = here._thread
    here.stop()
    assert "does not take it within" in here.problem
    answers.set()
    thread.join(5)
    assert not thread.is_alive()


def test_what_cannot_be_loaded_is_forgotten_there_too(machine, store):
    here = machine("a")
    save(here, 3)
    here.send()
    shutil.rmtree(here.folder)
    here.forget()
    assert names(store) == []
    assert here.fetch() == []
