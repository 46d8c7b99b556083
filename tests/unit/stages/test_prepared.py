"""Data on a machine that has not prepared it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from mlops_ci.console import Console, NullSink
from mlops_ci.records.codec import to_json
from mlops_ci.records.prepare import PrepareOutputs
from mlops_ci.settings.prepare import PrepareSettings
from mlops_ci.settings.settings import Tables
from mlops_ci.settings.train import TrainSettings
from mlops_ci.stages import prepared as module
from support.run_folder import a_record, make_run


def outputs(folder, digest="d1"):
    return PrepareOutputs(data=str(folder), source_digest="s", data_digest=digest, files=1, bytes=1, cached=False)


@pytest.fixture
def session(tmp_path):
    run = make_run(tmp_path / ".mlops")
    return SimpleNamespace(
        run=run,
        console=Console(sink=NullSink()),
        settings=SimpleNamespace(tables=SimpleNamespace(prepare=SimpleNamespace(command=None))),
    )


def recorded(session, folder):
    session.run.write(a_record(session.run, "prepare", outputs=to_json(outputs(folder))))


def raw(monkeypatch, path, digest):
    monkeypatch.setattr(module.data, "source", lambda _: SimpleNamespace(path=path, digest=digest))


def test_without_data_there_is_no_folder(session):
    assert module.folder(session) is None
    session.run.write(a_record(session.run, "prepare", status="skipped"))
    assert module.folder(session) is None


def test_the_folder_of_the_record_where_it_is(session, tmp_path):
    recorded(session, tmp_path)
    assert module.folder(session) == tmp_path


def test_data_is_fetched_again_by_its_digest(session, monkeypatch):
    recorded(session, "/nonexistent")
    raw(monkeypatch, Path("/here"), "d1")
    assert module.folder(session) == Path("/here")


def test_other_data_is_refused(session, monkeypatch):
    recorded(session, "/nonexistent")
    raw(monkeypatch, Path("/here"), "d2")
    with pytest.raises(module.DataGoneError, match="has the digest d2"):
        module.folder(session)


def test_prepared_data_is_prepared_again(session, monkeypatch):
    recorded(session, "/nonexistent")
    raw(monkeypatch, Path("/raw"), "s")
    session.settings.tables.prepare.command = "python prepare.py"
    made = module.Prepared(path=Path("/made"), digest="d1", files=1, bytes=1, cached=False)
    monkeypatch.setattr(module, "prepared", lambda *_: made)
    assert module.folder(session) == Path("/made")


def test_a_preparation_that_gives_something_else_is_refused(session, monkeypatch):
    recorded(session, "/nonexistent")
    raw(monkeypatch, Path("/raw"), "s")
    session.settings.tables.prepare.command = "python prepare.py"
    made = module.Prepared(path=Path("/made"), digest="other", files=1, bytes=1, cached=False)
    monkeypatch.setattr(module, "prepared", lambda *_: made)
    with pytest.raises(module.DataGoneError) as caught:
        module.folder(session)
    assert "same files each time" in caught.value.hint


def test_a_command_that_writes_nothing_has_prepared_nothing_and_is_run_again(session, tmp_path, monkeypatch):
    runs = []
    monkeypatch.setattr(module, "run_job", lambda _, job, image: runs.append(job.mounts["output"][0]))
    monkeypatch.setattr(module, "image", lambda *_: "image")
    session.workspace = SimpleNamespace(cache=tmp_path / "cache")
    session.resolution = SimpleNamespace(code_sha256="c", environment="e")
    tables = Tables(train=TrainSettings(command="x"), prepare=PrepareSettings(command="python prepare.py"))
    session.settings = SimpleNamespace(tables=tables)
    for _ in range(2):
        with pytest.raises(module.NothingPreparedError, match="wrote no file"):
            module.prepared(session, None, "python prepare.py")
    assert len(runs) == 2
    assert not list((tmp_path / "cache").rglob(module.MARKER))
