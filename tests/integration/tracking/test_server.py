import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3
from mlflow import MlflowClient

from mlops_ci.console import Console
from mlops_ci.tracking import folder_lock, server
from mlops_ci.tracking.client import Tracker
from mlops_ci.tracking.constants import constants
from mlops_ci.tracking.errors import EmbeddedServerBusyError, EmbeddedServerError
from mlops_ci.tracking.server import embedded_server
from mlops_ci.tracking.server_command import ServerCommand, server_command
from support import leftovers
from support.heard import Heard

GONE_SECONDS = 10


@pytest.fixture(scope="module")
def used_folder(tmp_path_factory: pytest.TempPathFactory, zipapp: Path) -> Path:
    """A folder in which a server has run once, with one MLflow run in it. Its name has all that a path may have."""
    folder = tmp_path_factory.mktemp("project") / "it's #1 ü?%41" / "mlflow"
    with embedded_server(folder, zipapp=zipapp) as uri:
        tracker = Tracker(uri)
        tracker.finish(tracker.start_run("digits", run="run-1").run_id, "FINISHED")
    assert leftovers.of_project(folder) == []
    return folder


@pytest.fixture
def running(used_folder: Path, zipapp: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path, Heard]]:
    """A server on that folder, started by a process with secrets, a proxy, and MLflow settings of its own."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t-of-ours")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere.invalid")
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", "sqlite:////nowhere/x.db")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "internal.example")
    heard = Heard()
    with embedded_server(used_folder, zipapp=zipapp, console=Console(heard)) as uri:
        yield uri, used_folder, heard
    assert leftovers.of_project(used_folder) == []
    assert os.environ["NO_PROXY"] == "internal.example"
    assert "no_proxy" not in os.environ


def wait_until(reached: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def status(uri: str, host: str | None = None) -> int:
    headers = {"Host": host} if host else {}
    with urllib3.PoolManager(retries=False, timeout=30) as pool:
        return pool.request("GET", f"{uri}/api/2.0/mlflow/experiments/search?max_results=1", headers=headers).status


def test_a_running_server(running, zipapp, monkeypatch):
    uri, folder, heard = running
    tracker = Tracker(uri)

    assert heard.lines == [f"[mlops-ci] MLflow {server._installed_version()} on SQLite at {uri}"]
    started = tracker.start_run("digits", run="run-1")
    assert started.resumed, "the run of the server before is still there"
    MlflowClient(tracker.connection.uri).log_text(started.run_id, "hello", "note.txt")
    assert [path.name for path in (folder / "artifacts").rglob("*.txt")] == ["note.txt"]

    port = uri.rpartition(":")[2]
    assert status(uri) == 200
    assert status(uri, "evil.example") == 403
    assert status(uri, f"localhost:{port}") == 200

    ours = leftovers.of_project(folder)
    assert len(ours) == 3, "the two processes of the leash, and the server"
    for process in ours:
        environment = Path(f"/proc/{process.pid}/environ").read_bytes()
        assert b"s3cr3t-of-ours" not in environment + process.command.encode()
        assert b"elsewhere.invalid" not in environment
    listening = {process.command for process in ours if "fastapi_app" in process.command}
    assert all("--host 127.0.0.1" in command for command in listening)
    assert listening

    numbers = constants()
    short = type(numbers)(**{**vars(numbers), "server": type(numbers.server)(**{**vars(numbers.server), "busy": 0.3})})
    monkeypatch.setattr(server, "constants", lambda: short)
    with pytest.raises(EmbeddedServerBusyError) as caught, embedded_server(folder, zipapp=zipapp):
        pass
    assert f"another run (process {os.getpid()}) uses the embedded MLflow" in caught.value.cause
    assert "[tracking] uri" in caught.value.hint
    assert status(uri) == 200, "the refused one disturbed nothing"

    assert (folder / "server.log").is_file()
    assert (folder / "server.1.log").is_file()


SERVING = """
import json, sys, time
from pathlib import Path
from mlops_ci.tracking.server import embedded_server
with embedded_server(Path(sys.argv[1]), zipapp=Path(sys.argv[2])) as uri:
    print(json.dumps(uri), flush=True)
    time.sleep(300)
"""


@contextlib.contextmanager
def serving(folder: Path, zipapp: Path) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen([sys.executable, "-c", SERVING, str(folder), str(zipapp)], stdout=subprocess.PIPE)
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def kill_and_wait(child: subprocess.Popen[bytes], folder: Path) -> None:
    child.send_signal(signal.SIGKILL)
    wait_until(lambda: leftovers.of_project(folder) == [], GONE_SECONDS)


def test_kill_9_at_any_stage_leaves_no_process_and_a_database_that_opens(tmp_path, zipapp):
    folder = tmp_path / "mlflow"

    with serving(folder, zipapp) as child:
        aside = folder / "mlflow.new.db"
        wait_until(lambda: aside.is_file() and aside.stat().st_size > 0, 120)
        kill_and_wait(child, folder)
    assert not (folder / "mlflow.db").exists()

    with serving(folder, zipapp) as child:
        wait_until((folder / "mlflow.db.version").is_file, 240)
        log = folder / "server.log"
        written = log.stat().st_size
        wait_until(lambda: log.stat().st_size > written, 120)
        kill_and_wait(child, folder)

    with serving(folder, zipapp) as child:
        assert child.stdout is not None
        tracker = Tracker(json.loads(child.stdout.readline()))
        started = tracker.start_run("digits", run="run-1", params={"epochs": 3})
        tracker.log_metrics(started.run_id, {"loss": 0.5})
        kill_and_wait(child, folder)

    with embedded_server(folder, zipapp=zipapp) as uri:
        again = Tracker(uri).start_run("digits", run="run-1", params={"epochs": 3})
        assert (again.run_id, again.resumed, again.conflicts) == (started.run_id, True, ())
        assert [one.value for one in Tracker(uri).history(again.run_id, "loss")] == [0.5]
    assert leftovers.of_project(folder) == []


def test_a_folder_whose_last_user_was_killed_is_free_once_its_server_is_gone(tmp_path, zipapp):
    with serving(tmp_path, zipapp) as child:
        wait_until((tmp_path / "mlflow.new.db").is_file, 120)
        child.kill()
        child.wait()
        left = leftovers.of_project(tmp_path)
        with folder_lock.folder_lock(tmp_path, wait=GONE_SECONDS):
            assert leftovers.of_project(tmp_path) == []
        assert left, "the test came too late to see anything"


def test_a_port_that_somebody_else_took_is_given_up_for_another(used_folder, zipapp, monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        free, taken = server.held_port, [other.getsockname()[1]]

        @contextlib.contextmanager
        def first_taken(host: str) -> Iterator[int]:
            if taken:
                yield taken.pop()
            else:
                with free(host) as port:
                    yield port

        monkeypatch.setattr(server, "held_port", first_taken)
        with embedded_server(used_folder, zipapp=zipapp) as uri:
            assert status(uri) == 200
            assert not uri.endswith(str(other.getsockname()[1]))
    assert taken == []


def test_a_server_that_does_not_answer_is_ended_and_its_log_shown(used_folder, zipapp, monkeypatch):
    numbers = constants()
    short = type(numbers)(**{**vars(numbers), "server": type(numbers.server)(**{**vars(numbers.server), "start": 0.5})})
    monkeypatch.setattr(server, "constants", lambda: short)
    with pytest.raises(EmbeddedServerError, match=r"did not answer at http://127\.0\.0\.1:\d+ within") as caught:
        with embedded_server(used_folder, zipapp=zipapp):
            pass
    assert caught.value.exit_code == 10
    assert str(used_folder / "server.log") in caught.value.hint
    assert leftovers.of_project(used_folder) == []


def test_a_server_that_cannot_start_shows_the_end_of_its_log(used_folder, zipapp, monkeypatch):
    monkeypatch.setattr(server, "server_command", lambda *_: ServerCommand(module=("mlflow", "--no-such-option")))
    with pytest.raises(EmbeddedServerError, match="ended while it started") as caught:
        with embedded_server(used_folder, zipapp=zipapp):
            pass
    assert "--no-such-option" in "\n".join(caught.value.details)


def test_a_version_whose_application_is_not_known_is_started_by_its_command(used_folder, zipapp, monkeypatch):
    monkeypatch.setattr(
        server, "server_command", lambda host, port, name, _: server_command(host, port, name, "2.99.0")
    )
    with embedded_server(used_folder, zipapp=zipapp) as uri:
        assert Tracker(uri).start_run("digits", run="run-1").resumed
        assert status(uri, "evil.example") == 403
        assert any("-m mlflow server --host 127.0.0.1" in one.command for one in leftovers.of_project(used_folder))
    assert leftovers.of_project(used_folder) == []


def test_an_address_of_another_machine_is_refused(used_folder, zipapp):
    with pytest.raises(EmbeddedServerError, match=r"can't listen on 203\.0\.113\.7"):
        with embedded_server(used_folder, host="203.0.113.7", zipapp=zipapp):
            pass


def test_a_file_that_is_no_database_is_named_and_kept(tmp_path, zipapp):
    (tmp_path / "mlflow.db").write_bytes(b"this is no database, " * 100)
    with pytest.raises(EmbeddedServerError, match=r"mlflow\.db can't be read as a database") as caught:
        with embedded_server(tmp_path, zipapp=zipapp):
            pass
    assert "backup" in caught.value.hint
    assert (tmp_path / "mlflow.db").read_bytes().startswith(b"this is no database")


def test_a_database_of_a_newer_mlflow_is_refused_and_kept(used_folder, tmp_path, zipapp):
    import sqlite3

    for name in ("mlflow.db", "mlflow.db.version"):
        (tmp_path / name).write_bytes((used_folder / name).read_bytes())
    with contextlib.closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = 'fffffffffff0'")
        database.commit()
    (tmp_path / "mlflow.db.version").write_text("99.0.0\n")
    before = (tmp_path / "mlflow.db").read_bytes()
    with pytest.raises(EmbeddedServerError, match=r"last written by 99\.0\.0") as caught:
        with embedded_server(tmp_path, zipapp=zipapp):
            pass
    assert "install mlflow 99.0.0 or newer" in caught.value.hint
    assert caught.value.details
    assert (tmp_path / "mlflow.db").read_bytes() == before


def test_a_folder_that_cannot_be_made_is_said(tmp_path, zipapp):
    (tmp_path / "mlflow").write_text("a file")
    with pytest.raises(EmbeddedServerError, match="can't be written"):
        with embedded_server(tmp_path / "mlflow", zipapp=zipapp):
            pass
