"""The guardian of one process of several, as the launcher starts it: log, signals, last word."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.guest_job import until

TRAINING = """
import os, signal, sys, time
print("tracked" if "MLFLOW_RUN_ID" in os.environ else "not tracked", os.environ["TOKEN"], flush=True)
def stop(*_):
    time.sleep(0.5)
    open("checkpoint", "w").close()
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def guardian(zipapp, tmp_path):
    """Starts the guardian of a rank; the fixture sees to it that it ends."""
    started = []

    def start(rank, local_rank, script=TRAINING, grace=5):
        ranks = tmp_path / "ranks"
        ranks.mkdir(exist_ok=True)
        (tmp_path / "train.py").write_text(script)
        argv = [sys.executable, "train.py"]
        spec = {"argv": argv, "folder": str(tmp_path), "grace": grace, "secrets": ["TOKEN"]}
        (ranks / "launch.json").write_text(json.dumps(spec))
        process = subprocess.Popen(
            [sys.executable, zipapp, "rank", ranks / "launch.json"],
            env={
                **os.environ,
                "RANK": str(rank),
                "LOCAL_RANK": str(local_rank),
                "MLFLOW_RUN_ID": "m",
                "TOKEN": "s3cret-1",
                "MLOPS_STOP_FILE": str(tmp_path / "stop"),
                "PYTHONFAULTHANDLER": "1",
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        log = ranks / f"rank-{rank}.log"
        until(lambda: log.exists() and "ready" in log.read_text())
        return process, log, ranks / f"rank-{rank}.json"

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=10)


def test_a_request_to_stop_reaches_the_process_which_saves_its_checkpoint(guardian, tmp_path):
    process, log, word = guardian(rank=0, local_rank=0)
    process.send_signal(signal.SIGTERM)
    shown = process.communicate(timeout=10)[0]
    assert process.returncode == 0
    assert (tmp_path / "checkpoint").exists()
    assert json.loads(word.read_text())["asked_to_stop"] is True
    assert shown == log.read_text() == "tracked ***\nready\n"


def test_a_killed_process_is_told_with_its_signal_and_only_the_first_of_a_node_is_shown(guardian):
    process, log, word = guardian(rank=3, local_rank=1)
    (child,) = map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())
    os.kill(child, signal.SIGKILL)
    assert process.communicate(timeout=10)[0] == ""
    assert process.returncode == 137
    said = json.loads(word.read_text())
    assert (said["rank"], said["code"], said["asked_to_stop"]) == (3, -9, False)
    assert said["tail"] == log.read_text().splitlines() == ["not tracked ***", "ready"]


def test_a_process_that_hung_says_where(guardian, tmp_path):
    hangs = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('ready', flush=True)\ntime.sleep(60)\n"
    process, log, word = guardian(rank=1, local_rank=1, script=hangs, grace=1)
    (tmp_path / "stop").write_text("stalled\n")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert 'train.py", line 4 in <module>' in log.read_text()
    assert json.loads(word.read_text())["code"] == -signal.SIGABRT
