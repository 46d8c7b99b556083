"""Time, silence and space run out."""

import os
import resource
import subprocess
import time

import pytest

from support.guest_job import until

SLEEPER = "import time\nprint('working', flush=True)\ntime.sleep(600)\n"


def test_out_of_time_without_a_checkpoint(job):
    job.task.update(timeout=1, grace=1)
    job.script(SLEEPER)
    code, _ = job.run()
    assert (code, job.outcome()["class"]) == (21, "timeout")
    assert job.outcome()["cause"] == "the limit of 1 s for the whole job is over"


def test_out_of_time_with_a_checkpoint_can_be_resumed(job):
    job.task.update(timeout=1, grace=3)
    job.script(
        "from mlops_ci.guest.sdk import checkpoint, log\nimport time\n"
        "for step in range(1000):\n    log(step=step, loss=1/(step+1)); checkpoint(step, b'x'); time.sleep(0.1)\n"
    )
    code, _ = job.run()
    assert (code, job.outcome()["class"]) == (12, "timeout")
    assert job.outcome()["metrics"]["loss"] < 1


def test_the_limit_holds_for_all_commands_together(job):
    job.task.update(timeout=1.5, grace=1)
    job.task["commands"] = [{"name": str(n), "command": 'python -c "import time; time.sleep(0.7)"'} for n in range(9)]
    assert job.run()[0] == 21
    assert 2 <= len(job.outcome()["commands"]) <= 3


def test_silence_is_a_stall_and_the_log_says_where(job):
    job.task.update(stall=1, grace=0.5)
    job.script(
        "import time\ndef wait_for_ever():\n    time.sleep(600)\nprint('epoch 1')\nimport signal\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwait_for_ever()\n"
    )
    code, _ = job.run()
    outcome = job.outcome()
    assert (code, outcome["class"]) == (21, "stalled")
    assert "no output and no metric for 1 s" in outcome["cause"]
    assert any("in wait_for_ever" in line for line in outcome["tail"])


@pytest.mark.parametrize("sign", ["output", "metrics", "progress"])
def test_any_sign_of_life_is_no_stall(job, sign):
    act = {
        "output": "print(step)",
        "metrics": "log(loss=step)",
        "progress": "sys.stdout.write(chr(13) + str(step)); sys.stdout.flush()",
    }[sign]
    job.task.update(stall=1)
    job.script(
        f"import sys, time\nfrom mlops_ci.guest.sdk import log\nfor step in range(5):\n    {act}\n    time.sleep(0.5)\n"
    )
    assert job.run()[0] == 0


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_job_that_fills_the_disk_that_we_write_to_as_well(job, small_disk):
    """The log and the metrics cannot be kept any more; the outcome is written all the same."""
    for name in ("job", "checkpoints"):
        (small_disk / name).mkdir()
        job.task["paths"][name] = str(small_disk / name)
    job.script(
        "import os\nfrom mlops_ci.guest.sdk import log\n"
        "log(step=1, loss=0.5)\n"
        "with open(os.environ['MLOPS_CHECKPOINT_DIR'] + '/big', 'wb', buffering=0) as stream:\n"
        "    while True: stream.write(b'x' * 100000)\n"
    )
    task = job.folder / "job" / "task.json"
    process = job.start()
    assert process.wait(20) == 20
    assert task.exists()
    import json

    outcome = json.loads((small_disk / "job" / "outcome.json").read_text())
    assert outcome["class"] == "disk-full"
    assert "No space left on device" in outcome["cause"]
    assert str(small_disk) in outcome["cause"]
    assert outcome["metrics"] == {"loss": 0.5}


def test_a_limit_on_file_sizes(job):
    job.script("open('big', 'wb').write(b'x' * 3_000_000)")
    job.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)))
    assert job.process.wait(20) == 20
    assert job.outcome()["class"] == "disk-full"
    assert "File too large" in job.outcome()["cause"]


def test_a_log_that_cannot_be_kept_stops_nothing(job):
    job.script("for line in range(3000): print('x' * 1000)")
    job.start(stdout=subprocess.DEVNULL, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6)))
    assert job.process.wait(20) == 0
    assert "the log could not be kept to its end: File too large" in job.outcome()["warnings"]


def test_a_folder_that_may_not_be_written(job):
    job.script("print()")
    (job.folder / "tmp").rmdir()
    (job.folder / "tmp").write_text("in the way")
    code, _ = job.run()
    outcome = job.outcome()
    assert (code, outcome["class"]) == (3, "not-writable")
    assert str(job.folder / "tmp") in outcome["cause"]


def stands_still(path):
    """Whether a file does not grow within a second."""
    before = path.stat().st_size
    time.sleep(1)
    return path.stat().st_size == before


def test_a_reader_that_sleeps_does_not_stop_the_leash(job):
    """Our output is not read at all: the pipe fills, the job waits, and the leash still works."""
    job.task["grace"] = 1
    job.script("while True: print('x' * 1000)")
    read_end, write_end = os.pipe()
    job.start(stdout=write_end)
    os.close(write_end)
    log = job.folder / "job" / "log.txt"
    until(lambda: log.exists() and log.stat().st_size > 300_000)
    until(lambda: stands_still(log))
    job.process.stdin.close()
    assert job.process.wait(10) == 143
    os.close(read_end)


def test_a_reader_that_is_gone_does_not_stop_the_job(job):
    job.script(
        "import time\nfor step in range(20):\n    print('x' * 10000)\n    time.sleep(0.02)\nopen('finished', 'w')\n"
    )
    job.start()
    job.process.stdout.close()
    assert job.process.wait(20) == 0
    assert (job.folder / "work" / "finished").exists()
    assert job.log().count("\n") == 21
