"""The one place that starts programs."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mlops_ci import process
from mlops_ci.redaction import Redactor

PYTHON = sys.executable


def test_output_is_kept_and_streamed_in_order():
    lines = []
    done = process.run([PYTHON, "-c", "print('a'); print('b')"], on_line=lines.append)
    assert lines == ["a", "b"]
    assert (done.stdout, done.exit_code, done.timed_out) == ("a\nb", 0, False)


def test_a_failure_shows_the_command_and_its_last_words():
    with pytest.raises(process.ProgramFailedError) as caught:
        process.run([PYTHON, "-c", "import sys; print('why', file=sys.stderr); sys.exit(3)"], hint="mend it")
    assert "exit code 3" in caught.value.cause
    assert caught.value.details == ("why",)
    assert caught.value.hint == "mend it"


def test_a_missing_program_names_the_path():
    with pytest.raises(process.ProgramMissingError) as caught:
        process.run(["no-such-program-here"])
    assert "no-such-program-here" in caught.value.cause
    assert os.environ["PATH"].split(":")[0] in caught.value.cause
    assert caught.value.exit_code == 3


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(process.ProgramMissingError):
        process.run([PYTHON, "-c", "pass"], cwd=tmp_path / "absent")


def test_time_runs_out_and_grandchildren_end_too(tmp_path):
    marker = tmp_path / "pid"
    script = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(marker)!r}, 'w').write(str(p.pid))\n"
        "time.sleep(60)\n"
    )
    started = time.monotonic()
    done = process.run([PYTHON, "-c", script], timeout=1.5, check=False)
    assert done.timed_out
    assert time.monotonic() - started < 15
    grandchild = int(marker.read_text())
    deadline = time.monotonic() + 5
    while _alive(grandchild) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(grandchild)


def test_secrets_are_hidden_in_echo_and_output():
    redactor = Redactor()
    redactor.add("hunter2hunter2")
    told = []
    done = process.run([PYTHON, "-c", "print('hunter2hunter2')"], redactor=redactor, echo=told.append)
    assert done.stdout == "***"
    assert "hunter2" not in told[0]
    assert told[0].startswith("+ ")


def test_input_is_handed_in():
    assert process.run([PYTHON, "-c", "print(input())"], stdin=b"hello\n").stdout == "hello"


def test_bytes_that_are_no_text_do_not_break_it():
    script = "import sys; sys.stdout.buffer.write(bytes([255, 254]) + b'x\\n')"
    assert process.run([PYTHON, "-c", script]).stdout.endswith("x")


def test_ten_megabytes_on_both_pipes_do_not_block():
    script = "import sys\nfor _ in range(5000): print('o' * 1000); print('e' * 1000, file=sys.stderr)"
    done = process.run([PYTHON, "-c", script], timeout=60)
    assert len(done.stdout.splitlines()) == process.KEPT_LINES


def test_an_interrupt_ends_the_child(tmp_path):
    marker = tmp_path / "pid"
    script = f"import os, time; open({str(marker)!r}, 'w').write(str(os.getpid())); time.sleep(60)"

    def interrupt():
        while not marker.exists() or not marker.read_text():
            time.sleep(0.02)
        os.kill(os.getpid(), 2)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        process.run([PYTHON, "-c", script])
    thread.join()
    assert not _alive(int(marker.read_text()))


def _alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_what_cannot_even_be_killed_is_left_behind():
    """As a program that sleeps in a driver: it takes no signal, and nobody can wait for it."""

    class Asleep:
        pid = 2**30
        stdin = None

        def poll(self):
            return None

        def wait(self, timeout=None):
            time.sleep(timeout)
            raise subprocess.TimeoutExpired("nvidia-smi", timeout)

    started = time.monotonic()
    assert process._wait(Asleep(), None, 0.1, 0.2) is True
    assert time.monotonic() - started < 5
