"""GPUs are leased between real processes; the devices are names, since no GPU is touched for that."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_ci.engines import leases
from mlops_ci.engines.base import Limits
from mlops_ci.engines.leases import GpuBusyError, GpuMissingError, lease
from support.engine_jobs import Place

DEVICES = ("GPU-a", "GPU-b", "GPU-c")
HOLDER = """
import sys, time
from pathlib import Path
from mlops_ci.engines.leases import lease
with lease(int(sys.argv[1]), sys.argv[2].split(","), Path(sys.argv[3]), note="run holder") as mine:
    print(",".join(mine), flush=True)
    sys.stdin.read()
print("given back", flush=True)
"""
# Takes a lease again and again, and makes a file per device that must not exist yet, for as long as it has it.
CONTENDER = """
import os, sys, time
from pathlib import Path
from mlops_ci.engines.leases import lease
count, devices, folder, rounds = int(sys.argv[1]), sys.argv[2].split(","), Path(sys.argv[3]), int(sys.argv[4])
for _ in range(rounds):
    with lease(count, devices, folder, timeout=60) as mine:
        assert len(mine) == count
        for device in mine:
            os.close(os.open(folder / f"used-{device}", os.O_CREAT | os.O_EXCL))
        time.sleep(0.01)
        for device in mine:
            os.unlink(folder / f"used-{device}")
"""


@contextlib.contextmanager
def holding(count: int, folder: Path, devices: tuple[str, ...] = DEVICES) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a lease; its first line names the devices."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(count), ",".join(devices), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        try:
            yield child
        finally:
            child.kill()


def first_line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def test_two_processes_never_share_a_device(tmp_path: Path):
    with holding(2, tmp_path) as other:
        assert first_line(other) == "GPU-a,GPU-b"
        with lease(1, DEVICES, tmp_path, timeout=5) as mine:
            assert mine == ("GPU-c",)


def test_waiting_says_who_holds_what_and_ends_with_an_error(tmp_path: Path):
    heard: list[str] = []
    with holding(3, tmp_path) as other:
        first_line(other)
        with pytest.raises(GpuBusyError, match="became free within 1 s") as caught:
            with lease(2, DEVICES, tmp_path, timeout=1.0, say=heard.append):
                raise AssertionError
        assert caught.value.exit_code == 10
        assert f"GPU-a by process {other.pid} (run holder)" in caught.value.cause
        assert len(heard) == 1, "the wait is told once"
        assert str(other.pid) in heard[0]


def test_a_device_that_is_given_back_goes_to_who_waits(tmp_path: Path):
    with holding(3, tmp_path) as other:
        first_line(other)
        timer = threading.Timer(0.5, other.stdin.close)
        timer.start()
        with lease(2, DEVICES, tmp_path, timeout=20) as mine:
            assert len(mine) == 2
        timer.join()


def test_kill_9_of_the_owner_frees_its_devices_at_once(tmp_path: Path):
    with holding(3, tmp_path) as other:
        first_line(other)
        other.kill()
        other.wait()
        with lease(3, DEVICES, tmp_path, timeout=0) as mine:
            assert mine == DEVICES


def test_who_waits_holds_nothing(tmp_path: Path):
    with holding(1, tmp_path) as other:
        assert first_line(other) == "GPU-a"
        with holding(3, tmp_path) as waiting:
            time.sleep(1.0)
            assert waiting.poll() is None
            with lease(2, DEVICES, tmp_path, timeout=10) as mine:
                assert mine == ("GPU-b", "GPU-c")


def test_contenders_for_several_devices_all_come_to_their_end(tmp_path: Path):
    counts = [2, 2, 3, 1]
    children = [
        subprocess.Popen([sys.executable, "-c", CONTENDER, str(count), ",".join(DEVICES), str(tmp_path), "5"])
        for count in counts
    ]

    assert [child.wait(90) for child in children] == [0, 0, 0, 0]


def test_more_devices_than_there_are(tmp_path: Path):
    with pytest.raises(GpuMissingError, match="asks for 4 GPUs and this machine has 3") as caught:
        with lease(4, DEVICES, tmp_path):
            raise AssertionError
    assert caught.value.exit_code == 3


def test_the_lock_folder_is_one_for_all_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(leases, "MACHINE_LOCKS", tmp_path)

    folder = leases.lock_folder()

    assert folder == tmp_path / "mlops-ci"
    assert folder.stat().st_mode & 0o777 == 0o777
    with lease(1, DEVICES, folder):
        assert (folder / "gpu-GPU-a.lock").stat().st_mode & 0o666 == 0o666


def test_where_the_machines_folder_is_closed_the_users_own_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(leases, "MACHINE_LOCKS", tmp_path / "missing")
    (tmp_path / "runtime").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))

    assert leases.lock_folder() == tmp_path / "runtime" / "mlops-ci"


def test_a_job_gets_its_devices_and_gives_them_back(host: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # There is no GPU here: the list of devices is invented, everything else is real.
    monkeypatch.setattr(leases, "visible_devices", lambda environ: DEVICES)
    monkeypatch.setattr(leases, "lock_folder", lambda: tmp_path)

    result = host.run("import os; print(os.environ['CUDA_VISIBLE_DEVICES'])", limits=Limits(gpus=2))

    assert host.said() == ["GPU-a,GPU-b"]
    assert result.gpus == ("GPU-a", "GPU-b")
    with lease(3, DEVICES, tmp_path, timeout=0):
        assert os.path.exists(tmp_path / "gpu-GPU-a.lock")


def test_a_job_that_asks_for_gpus_on_a_machine_without(place: Place, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    with pytest.raises(GpuMissingError, match="asks for 1 GPU and this machine has 0"):
        place.run("pass", limits=Limits(gpus=1))
