"""`bin/testbed` as a user calls it, on a state directory of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.testbed import processes

TESTBED = Path(__file__).parents[3] / "bin" / "testbed"
Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def testbed(tmp_path: Path) -> Iterator[Call]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLOPS_CI_")}
    environment["MLOPS_CI_TESTBED"] = str(tmp_path / "bed")

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(TESTBED), *arguments], env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    yield call
    call("stop")


def exports(testbed: Call) -> dict[str, str]:
    return dict(re.findall(r"^export (\w+)=(.*)$", testbed("env").stdout, re.MULTILINE))


def process_id(testbed: Call) -> int:
    found = re.search(r"^trivy-db +running \(process (\d+),", testbed("status").stdout, re.MULTILINE)
    assert found
    return int(found.group(1))


def test_start_waits_until_the_service_answers_and_stop_leaves_nothing(testbed: Call, tmp_path: Path) -> None:
    assert testbed("start", "trivy-db").returncode == 0
    repository = exports(testbed)["MLOPS_CI_TEST_TRIVY_DB_REPOSITORY"]
    with urllib.request.urlopen(f"http://{repository.split('/')[0]}/v2/", timeout=10) as reply:
        assert reply.status == 200
    pid = process_id(testbed)
    identity = processes.identity(pid)
    assert testbed("stop").returncode == 0
    assert not processes.is_alive(pid, *identity)
    assert "MLOPS_CI_TEST_TRIVY_DB_REPOSITORY" not in exports(testbed)
    assert testbed("remove").returncode == 0
    assert not (tmp_path / "bed").exists()


def test_what_a_killed_command_left_mounted_is_not_deleted_with_the_folder(testbed: Call, tmp_path: Path) -> None:
    """As `mmdebstrap` does, which mounts /proc, /sys and devices into what it builds."""
    assert testbed("start", "trivy-db").returncode == 0
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("kept")
    inside = tmp_path / "bed" / "tmp" / "root" / "dev"
    inside.mkdir(parents=True)
    subprocess.run(["mount", "--bind", str(outside), str(inside)], check=True)
    try:
        done = testbed("remove")
    finally:
        subprocess.run(["umount", str(inside)], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert (outside / "precious").read_text() == "kept"
    assert not (tmp_path / "bed").exists()


def test_starting_twice_keeps_the_running_process(testbed: Call) -> None:
    testbed("start", "trivy-db")
    pid = process_id(testbed)
    again = testbed("start", "trivy-db")
    assert (again.returncode, again.stderr) == (0, "")
    assert process_id(testbed) == pid


def test_a_killed_service_is_reported_and_started_again(testbed: Call) -> None:
    testbed("start", "trivy-db")
    pid = process_id(testbed)
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)
    assert re.search(r"^trivy-db +died$", testbed("status").stdout, re.MULTILINE)
    assert testbed("start", "trivy-db").returncode == 0
    assert process_id(testbed) != pid


def test_an_unknown_service_is_a_usage_error(testbed: Call) -> None:
    done = testbed("start", "kubernetes")
    assert done.returncode == 2
    assert "no such service: kubernetes; there are docker " in done.stderr


def test_an_engine_without_its_base_image_says_what_to_do(testbed: Call) -> None:
    done = testbed("start", "docker")
    assert done.returncode == 3
    assert "next: run `bin/testbed install`" in done.stderr
    assert re.search(r"^docker +stopped$", testbed("status").stdout, re.MULTILINE)


def test_a_service_that_dies_at_its_start_shows_the_end_of_its_log(testbed: Call, tmp_path: Path) -> None:
    (tmp_path / "bed" / "trivy-db").mkdir(parents=True)
    (tmp_path / "bed" / "trivy-db" / "db").write_text("a file where a folder belongs")
    done = testbed("start", "trivy-db")
    assert done.returncode == 3
    assert "trivy-db ended while starting" in done.stderr
    assert "FileExistsError" in done.stderr
