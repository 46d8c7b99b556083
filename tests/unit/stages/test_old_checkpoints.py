"""Which checkpoints in a store may go, and that those of a published run do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlops_ci.console import Console
from mlops_ci.settings.settings import Settings, Tables
from mlops_ci.settings.train import TrainSettings
from mlops_ci.stages import old_checkpoints
from mlops_ci.stores.errors import StoreUnreachableError
from mlops_ci.stores.local import LocalStore
from support.heard import Heard
from support.published import age

RUNS = ("20261101-000000-aaaaaa", "20261102-000000-bbbbbb")
DAY = 86400.0


@dataclass
class Place:
    store: LocalStore
    settings: Settings

    def names(self) -> set[str]:
        return {info.key.split("/")[1] for info in self.store.list("checkpoints/")}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    train = TrainSettings(command="x", checkpoint_store=str(tmp_path / "kept"))
    store = LocalStore(tmp_path / "kept")
    for run in RUNS:
        for name in ("step-3.bin", "step-3.bin.json"):
            store.put_bytes(f"checkpoints/{run}/train/{name}", b"state", only_if_absent=True)
    return Place(store, Settings(root=tmp_path, file=None, mode=None, tables=Tables(train=train)))


def test_only_runs_for_which_nothing_has_come_for_long_may_go(place: Place) -> None:
    age(place.store, f"checkpoints/{RUNS[0]}", 20 * DAY)
    found = old_checkpoints.find(place.settings, older_than=14 * DAY)
    assert found is not None
    assert (list(found.runs), found.bytes) == ([RUNS[0]], 10)
    place.store.put_bytes(f"checkpoints/{RUNS[0]}/train/step-6.bin", b"state", only_if_absent=True)
    again = old_checkpoints.find(place.settings, older_than=14 * DAY)
    assert again is not None
    assert not again.runs
    found.delete()
    assert RUNS[1] in place.names()


def test_those_of_a_published_run_go_and_a_store_that_is_down_costs_a_line(place: Place, monkeypatch) -> None:
    heard = Heard()
    run = SimpleNamespace(id=RUNS[0])
    session = SimpleNamespace(settings=place.settings, run=run, console=Console(sink=heard))
    old_checkpoints.forget(session)  # type: ignore[arg-type]
    assert place.names() == {RUNS[1]}
    assert "no longer needed" in heard.lines[-1]

    def down(*_: object) -> None:
        raise StoreUnreachableError("it does not answer")

    monkeypatch.setattr(LocalStore, "list", down)
    old_checkpoints.forget(session)  # type: ignore[arg-type]
    assert "are still in" in heard.lines[-1]


def test_without_a_store_for_them_there_is_nothing_to_do(tmp_path: Path) -> None:
    settings = Settings(root=tmp_path, file=None, mode=None, tables=Tables(train=TrainSettings(command="x")))
    assert old_checkpoints.find(settings, older_than=0) is None
