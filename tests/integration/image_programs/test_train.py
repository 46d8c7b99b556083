"""The program of the layer train as a process: what it runs is real, and so are the signals that reach it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[3] / "images" / "train" / "program"
# Ends by itself only when it is asked to, with a code of its own; what it started must end with it.
POLITE = "trap 'echo asked; exit 9' TERM; (echo began; exec sleep 3071) & wait"
SECONDS = 20.0


@contextmanager
def started(*command: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """The program with these arguments and settings; it is gone in the end."""
    told = {"PATH": os.environ["PATH"], "MLOPS_SHM_ADVICE": "off", **environ}
    words = [sys.executable, "-I", PROGRAM, *command]
    with subprocess.Popen(words, env=told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as one:
        try:
            yield one
        finally:
            one.kill()


def heard(one: subprocess.Popen[str], word: str) -> str:
    """What it says up to a word; one that does not say it in time is ended."""
    assert one.stdout is not None
    late = threading.Timer(SECONDS, one.kill)
    late.start()
    try:
        lines: list[str] = []
        while not any(word in line for line in lines):
            lines.append(one.stdout.readline())
            assert lines[-1], "".join(lines)
    finally:
        late.cancel()
    return "".join(lines)


def left(folder: Path, task: str) -> tuple[str, dict[str, object]]:
    """The only log of a task, and its stamp."""
    (log,) = (folder / task).glob("*.log")
    return log.read_text(), json.loads((folder / f"{task}.stamp.json").read_text())


def missed_at(folder: Path, task: str) -> None:
    """A task that was due long ago, and has not run since."""
    (folder / f"{task}.stamp.json").write_text(json.dumps({"due": "2020-01-01T00:00:00+00:00"}))


def test_a_command_gets_the_signal_and_its_exit_code_is_kept(tmp_path: Path) -> None:
    with started("sh", "-c", POLITE, MLOPS_LOGS=str(tmp_path)) as one:
        said = heard(one, "began")
        one.send_signal(signal.SIGTERM)
        rest, _ = one.communicate(timeout=SECONDS)
    assert (one.returncode, said + rest) == (9, "began\nasked\n")
    (log,) = (tmp_path / "train").glob("*.log")
    assert log.read_text() == "began\nasked\n"


def test_a_missed_run_is_made_up_for_and_the_end_of_the_container_is_handed_on(tmp_path: Path) -> None:
    missed_at(tmp_path, "train")
    yearly = {"MLOPS_SCHEDULE": "0 0 1 1 *", "MLOPS_CATCH_UP": "once", "MLOPS_LOGS": str(tmp_path)}
    with started("sh", "-c", POLITE, **yearly) as one:
        said = heard(one, "began")
        one.send_signal(signal.SIGTERM)
        rest, _ = one.communicate(timeout=SECONDS)
    assert "no container ran" in said
    assert one.returncode == 9, said + rest
    log, stamp = left(tmp_path, "train")
    assert log == "began\nasked\n"
    assert (stamp["exit_code"], stamp["missed"], stamp["why_missed"]) == (9, 1, "no container ran")
    assert stamp["finished"]


def test_the_tasks_of_a_crontab_run_each_with_its_zone_and_its_own_exit_code(tmp_path: Path) -> None:
    crontab = tmp_path / "crontab"
    crontab.write_text("CRON_TZ=Asia/Kathmandu\n0 0 1 1 * echo one; exit 3\n0 0 1 1 * echo two | tr a-z A-Z\n")
    logs = tmp_path / "logs"
    logs.mkdir()
    names = ("line-2", "line-3")
    for name in names:
        missed_at(logs, name)
    yearly = {"MLOPS_CRONTAB": str(crontab), "MLOPS_CATCH_UP": "once", "MLOPS_LOGS": str(logs), "MLOPS_MAX_RUNS": "2"}
    with started(**yearly) as one:
        said, _ = one.communicate(timeout=SECONDS)
    assert one.returncode == 3, said
    assert said.count("(Asia/Kathmandu)") == 2
    found = [left(logs, name) for name in names]
    assert [(log, stamp["exit_code"]) for log, stamp in found] == [("one\n", 3), ("TWO\n", 0)]


@pytest.mark.parametrize("code", [0, 5])
def test_without_logs_the_command_takes_the_place_of_the_program(code: int) -> None:
    with started("sh", "-c", f"echo $$; exit {code}") as one:
        said, _ = one.communicate(timeout=SECONDS)
    assert (said.strip(), one.returncode) == (str(one.pid), code)
