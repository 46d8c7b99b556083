import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mlops_ci.tracking.database import DATABASE, prepare, settle, written_by
from mlops_ci.tracking.errors import EmbeddedServerError


class Upgrade:
    """Stands for MLflow's migrations, which the integration tests run: adds a table, or dies half-way."""

    def __init__(self, folder: Path, *, dies: bool = False) -> None:
        self.folder = folder
        self.dies = dies
        self.calls = 0

    def __call__(self, name: str) -> None:
        self.calls += 1
        with closing(sqlite3.connect(self.folder / name)) as database:
            database.execute(f"CREATE TABLE step_{len(tables(self.folder / name))} (x)")
            database.commit()
        if self.dies:
            raise KeyboardInterrupt


def tables(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [name for (name,) in database.execute("SELECT name FROM sqlite_master ORDER BY name")]


def test_a_new_database_is_made_once(tmp_path):
    upgrade = Upgrade(tmp_path)
    prepare(tmp_path, version="3.17.2", upgrade=upgrade)
    prepare(tmp_path, version="3.17.2", upgrade=upgrade)
    assert upgrade.calls == 1
    assert tables(tmp_path / "mlflow.db") == ["step_0"]
    assert written_by(tmp_path) == "3.17.2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mlflow.db", "mlflow.db.version"]


def test_the_next_project_begins_with_a_copy_of_the_empty_database(tmp_path):
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    for folder in (first, second, third):
        folder.mkdir()
    empty = tmp_path / "cache" / "mlflow"
    prepare(first, version="3.17.2", upgrade=Upgrade(first), empty=empty)
    with closing(sqlite3.connect(first / "mlflow.db")) as database:
        database.execute("CREATE TABLE used (x)")
        database.commit()
    unused = Upgrade(second)
    prepare(second, version="3.17.2", upgrade=unused, empty=empty)
    assert unused.calls == 0
    assert tables(second / "mlflow.db") == ["step_0"]
    assert written_by(second) == "3.17.2"
    other = Upgrade(third)
    prepare(third, version="3.18.0", upgrade=other, empty=empty)
    assert other.calls == 1


def test_only_an_empty_database_is_kept_for_others(tmp_path):
    project, empty = tmp_path / "project", tmp_path / "cache"
    project.mkdir()
    prepare(project, version="3.17.2", upgrade=Upgrade(project))
    prepare(project, version="3.18.0", upgrade=Upgrade(project), empty=empty)
    assert not empty.exists()


def test_another_version_upgrades_a_copy(tmp_path):
    prepare(tmp_path, version="3.17.2", upgrade=Upgrade(tmp_path))
    prepare(tmp_path, version="3.18.0", upgrade=Upgrade(tmp_path))
    assert tables(tmp_path / "mlflow.db") == ["step_0", "step_1"]
    assert written_by(tmp_path) == "3.18.0"


def test_an_upgrade_that_dies_leaves_the_old_database_as_it_was(tmp_path):
    prepare(tmp_path, version="3.17.2", upgrade=Upgrade(tmp_path))
    before = (tmp_path / "mlflow.db").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        prepare(tmp_path, version="3.18.0", upgrade=Upgrade(tmp_path, dies=True))
    assert (tmp_path / "mlflow.db").read_bytes() == before
    assert written_by(tmp_path) == "3.17.2"
    prepare(tmp_path, version="3.18.0", upgrade=Upgrade(tmp_path))
    assert tables(tmp_path / "mlflow.db") == ["step_0", "step_1"]


def test_a_first_upgrade_that_dies_leaves_none(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        prepare(tmp_path, version="3.17.2", upgrade=Upgrade(tmp_path, dies=True))
    assert not (tmp_path / "mlflow.db").exists()
    prepare(tmp_path, version="3.17.2", upgrade=Upgrade(tmp_path))
    assert tables(tmp_path / "mlflow.db") == ["step_0"]


def in_use(folder: Path) -> sqlite3.Connection:
    """The database as a program has it open that has written into its journal only."""
    database = sqlite3.connect(folder / "mlflow.db", timeout=0)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("INSERT INTO step_0 VALUES (7)")
    database.commit()
    assert (folder / "mlflow.db-wal").stat().st_size > 0
    return database


def test_what_a_killed_server_left_in_its_journal_is_kept(tmp_path):
    used, left = tmp_path / "used", tmp_path / "left"
    used.mkdir()
    prepare(used, version="3.17.2", upgrade=Upgrade(used))
    with closing(in_use(used)):
        shutil.copytree(used, left)
    prepare(left, version="3.18.0", upgrade=Upgrade(left))
    with closing(sqlite3.connect(left / "mlflow.db")) as database:
        assert database.execute("SELECT x FROM step_0").fetchall() == [(7,)]
    assert sorted(path.name for path in left.iterdir()) == ["mlflow.db", "mlflow.db.version"]


def test_a_database_that_another_program_has_open_is_not_replaced(tmp_path):
    prepare(tmp_path, version="3.17.2", upgrade=Upgrade(tmp_path))
    with closing(in_use(tmp_path)) as database:
        with pytest.raises(EmbeddedServerError, match="another program has it open"):
            prepare(tmp_path, version="3.18.0", upgrade=Upgrade(tmp_path))
        assert database.execute("SELECT x FROM step_0").fetchall() == [(7,)]


def test_a_settled_database_is_whole_without_its_log(tmp_path):
    path = tmp_path / DATABASE
    open_one = sqlite3.connect(path)
    open_one.execute("PRAGMA journal_mode=WAL")
    open_one.execute("CREATE TABLE runs (id TEXT)")
    open_one.execute("INSERT INTO runs VALUES ('a')")
    open_one.commit()
    killed = tmp_path / "killed"
    killed.mkdir()
    for one in tmp_path.glob(f"{DATABASE}*"):
        shutil.copy(one, killed / one.name)
    open_one.close()
    settle(killed)
    alone = tmp_path / "alone.db"
    shutil.copy(killed / DATABASE, alone)
    with closing(sqlite3.connect(alone)) as connection:
        assert connection.execute("SELECT id FROM runs").fetchall() == [("a",)]


def test_there_may_be_nothing_to_settle(tmp_path):
    settle(tmp_path)
    assert list(tmp_path.iterdir()) == []
