"""Nothing that the guest started outlives the process that holds its leash, whoever is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.guest_job import until
from support.leftovers import processes

# A job as nasty as they come: a child in a session of its own, a daemon that forked twice, and SIGTERM ignored by all.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        subprocess.Popen([sys.executable, "-c", code])
        os.close(1); os.close(2)
        time.sleep(600)
    os._exit(0)
open("ready", "w").close()
time.sleep(600)
"""

SAVING = """
import time
from mlops_ci.guest.sdk import checkpoint, should_stop
should_stop()
open("ready", "w").close()
for step in range(10000):
    time.sleep(0.05)
    if should_stop():
        checkpoint(step, b"state")
        break
"""


def _ready(job, count=1):
    until((job.folder / "work" / "ready").exists)
    return until(lambda: len(job.running()) >= count and job.running())


def _children(pid):
    return [one.pid for one in processes() if one.parent == pid]


def _keeper(job):
    return until(lambda: _children(job.process.pid))[0]


def _gone(job, limit=10.0):
    started = time.monotonic()
    until(lambda: not job.running(), limit)
    return time.monotonic() - started


def test_at_the_end_of_the_leash_everything_goes(job):
    job.task["grace"] = 1
    job.script(STUBBORN)
    job.start()
    _ready(job, 6)
    job.process.stdin.close()
    assert job.process.wait(10) == 143
    assert job.running() == []
    assert job.outcome()["class"] == "cancelled"


def test_a_lost_leash_shortens_a_long_grace(job):
    job.task["grace"] = 600
    job.script(STUBBORN)
    job.start()
    _ready(job, 6)
    started = time.monotonic()
    job.process.stdin.close()
    assert job.process.wait(12) == 143
    assert 4 < time.monotonic() - started < 8


def test_the_control_side_is_killed(job, tmp_path):
    """The holder of the pipe gets SIGKILL: the pipe ends with it."""
    job.task["grace"] = 1
    job.script(STUBBORN)
    task = job.folder / "job" / "task.json"
    task.write_text(json.dumps(job.task))
    code = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen({[sys.executable, str(job.zipapp), 'run', str(task)]!r}, stdin=subprocess.PIPE)\n"
        "time.sleep(600)\n"
    )
    control = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    _ready(job, 7)
    control.kill()
    control.wait()
    _gone(job)
    assert job.outcome()["class"] == "cancelled"


def test_the_process_that_the_engine_started_is_killed(job):
    job.task["grace"] = 1
    job.script(STUBBORN)
    job.start()
    _ready(job, 6)
    job.process.kill()
    _gone(job)
    assert job.outcome()["class"] == "cancelled"


def test_the_keeper_of_the_job_is_killed(job):
    job.script(STUBBORN)
    job.start()
    _ready(job, 6)
    os.kill(_keeper(job), signal.SIGKILL)
    assert job.process.wait(10) == 143
    assert job.running() == []
    assert (job.outcome()["class"], job.outcome()["exit_code"]) == ("cancelled", 143)
    assert "signal 9" in job.outcome()["cause"]
    assert not any(job.folder in link.resolve().parents for link in Path("/tmp").glob("mlops-tmp-*"))


def test_the_job_is_killed_and_its_children_go(job):
    job.script(STUBBORN)
    job.start()
    _ready(job, 6)
    leader = until(lambda: _children(_keeper(job)))[0]
    os.kill(leader, signal.SIGKILL)
    assert job.process.wait(10) == 20
    assert job.running() == []
    assert job.outcome()["class"] == "killed"


@pytest.mark.parametrize(("number", "name", "code"), [(15, "cancelled", 143), (2, "interrupted", 130)])
def test_a_signal_without_a_checkpoint(job, number, name, code):
    job.script("import time\nopen('ready', 'w').close()\ntime.sleep(600)")
    job.start()
    _ready(job, 3)
    job.process.send_signal(number)
    assert job.process.wait(10) == code
    assert job.outcome()["class"] == name


@pytest.mark.parametrize("how", ["signal", "leash"])
def test_a_job_that_saves_when_asked_is_preempted(job, how):
    job.script(SAVING)
    job.start()
    _ready(job, 3)
    time.sleep(0.3)
    if how == "signal":
        job.process.send_signal(signal.SIGTERM)
    else:
        job.process.stdin.close()
    assert job.process.wait(10) == 12
    outcome = job.outcome()
    assert outcome["class"] == "preempted"
    assert outcome["checkpoint"]["step"] >= 1
    assert (job.folder / "checkpoints" / outcome["checkpoint"]["path"]).read_bytes() == b"state"


def test_a_checkpoint_of_an_earlier_attempt_is_no_progress(job):
    job.script(SAVING)
    job.start()
    _ready(job, 3)
    time.sleep(0.3)
    job.process.send_signal(signal.SIGTERM)
    assert job.process.wait(10) == 12
    job.end()
    (job.folder / "work" / "ready").unlink()
    job.script("import time\nopen('ready', 'w').close()\ntime.sleep(600)")
    job.start()
    _ready(job, 3)
    job.process.send_signal(signal.SIGTERM)
    assert job.process.wait(10) == 143


def test_helpers_live_while_the_job_saves(job):
    """A data loader's worker must not get the signal before the program that needs it has saved."""
    job.script(
        "import signal, subprocess, sys, time\n"
        "worker = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "def save(*_):\n"
        "    time.sleep(0.5)\n"
        "    print('worker alive' if worker.poll() is None else 'worker dead', flush=True)\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, save)\n"
        "open('ready', 'w').close()\n"
        "while True: time.sleep(0.1)\n"
    )
    job.start()
    _ready(job, 4)
    job.process.send_signal(signal.SIGTERM)
    assert job.process.wait(10) == 143
    assert "worker alive" in job.log()
    assert job.running() == []


def test_a_shell_that_does_not_pass_the_signal_on(job):
    """bash ends at once; the trainer below it is asked next and still has its grace."""
    job.script(SAVING)
    (job.folder / "work" / "run.sh").write_text(f"#!/bin/bash\n{sys.executable} train.py\necho after\n")
    job.task["commands"] = [{"name": "train", "command": "bash run.sh"}]
    job.start()
    _ready(job, 4)
    time.sleep(0.3)
    job.process.send_signal(signal.SIGTERM)
    assert job.process.wait(10) == 12


def test_a_leash_that_was_never_held(job):
    job.script("import time; time.sleep(600)")
    job.start()
    job.process.stdin.close()
    assert job.process.wait(10) == 143


class TestServerOnALeash:
    def start(self, zipapp, *argv, **options):
        command = [sys.executable, str(zipapp), "leash", "--", *argv]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)

    def test_its_output_and_exit_code_are_the_programs(self, zipapp):
        server = self.start(zipapp, sys.executable, "-c", "import sys; print('up'); sys.exit(7)")
        assert server.stdout.read() == b"up\n"
        assert server.wait(5) == 7
        server.communicate()

    def test_a_killed_program(self, zipapp):
        server = self.start(zipapp, sys.executable, "-c", "import os; os.kill(os.getpid(), 9)")
        assert server.wait(5) == 137
        server.communicate()

    def test_a_missing_program(self, zipapp):
        server = self.start(zipapp, "no-such-server", stderr=subprocess.PIPE)
        assert server.wait(5) == 127
        assert b"no-such-server cannot be started" in server.communicate()[1]

    @pytest.mark.parametrize("how", ["end of file", "kill the warden", "kill the keeper", "terminate"])
    def test_it_goes_with_all_its_descendants(self, job, zipapp, how):
        (job.folder / "work" / "server.py").write_text(STUBBORN)
        server = self.start(zipapp, sys.executable, f"{job.folder}/work/server.py", cwd=job.folder / "work")
        try:
            _ready(job, 6)
            if how == "end of file":
                server.stdin.close()
            elif how == "kill the warden":
                server.kill()
            elif how == "kill the keeper":
                os.kill(until(lambda: _children(server.pid))[0], signal.SIGKILL)
            else:
                server.terminate()
            assert _gone(job, 8) < 6
            assert server.wait(5) != 0
        finally:
            server.stdin.close()
            server.stdout.close()
            server.kill()
            server.wait()
