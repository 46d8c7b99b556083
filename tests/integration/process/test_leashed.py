"""A leashed program does not outlive whoever started it, not even after kill -9."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlops_ci import process

CHILD = """
import sys
from mlops_ci import process
process.run([sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)", sys.argv[1]],
            on_line=lambda line: print(line, flush=True), leashed=True)
"""


def running(mark: str) -> bool:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in path.read_bytes():
                return True
        except OSError:
            continue
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_it_ends_with_its_starter(tmp_path: Path) -> None:
    mark = str(tmp_path / "mark")
    with subprocess.Popen([sys.executable, "-c", CHILD, mark], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "up\n"
        assert running(mark)
        starter.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while running(mark):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_it_runs_like_any_other(tmp_path: Path) -> None:
    code = "import sys; print(sys.argv[1:]); sys.exit(3)"
    finished = process.run([sys.executable, "-c", code, "a b", ""], leashed=True, check=False, cwd=tmp_path)
    assert (finished.exit_code, finished.stdout) == (3, "['a b', '']")
    assert "prctl" not in finished.shown
