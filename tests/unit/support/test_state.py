from __future__ import annotations

import os
from pathlib import Path

from support.testbed import bed, processes
from support.testbed.state import ServiceRecord, State


def test_a_record_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    state = State(tmp_path)
    record = ServiceRecord(name="s3", pid=1, started=2, boot="b", ports=(3, 4), environment={"KEY": "value"})
    state.write(record)
    assert state.read("s3") == record
    assert (tmp_path / "services" / "s3.json").stat().st_mode & 0o077 == 0
    state.forget("s3")
    assert state.read("s3") is None


def test_default_root_can_be_moved(monkeypatch, tmp_path: Path) -> None:
    assert str(State.default().root) == "/var/lib/mlops-ci-testbed"
    monkeypatch.setenv("MLOPS_CI_TESTBED", str(tmp_path))
    assert State.default().root == tmp_path


def test_a_process_is_known_by_more_than_its_id() -> None:
    started, boot = processes.identity(os.getpid())
    assert processes.is_alive(os.getpid(), started, boot)
    assert not processes.is_alive(os.getpid(), started - 1, boot)
    assert not processes.is_alive(os.getpid(), started, "another boot")


def test_status_and_exports_tell_running_from_died_and_stopped(tmp_path: Path) -> None:
    state = State(tmp_path)
    started, boot = processes.identity(os.getpid())
    alive = ServiceRecord(name="s3", pid=os.getpid(), started=started, boot=boot, ports=(9,), environment={"A": "1"})
    state.write(alive)
    state.write(ServiceRecord(name="mlflow", pid=os.getpid(), started=1, boot="earlier", environment={"B": "2"}))
    status = bed.status(state)
    assert status["s3"] == f"running (process {os.getpid()}, ports 9)"
    assert (status["mlflow"], status["docker"]) == ("died", "stopped")
    exports = bed.environment(state)
    assert exports["A"] == "1"
    assert "B" not in exports
