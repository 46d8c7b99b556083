"""Whatever is killed, whenever: the caller gets its answer and nothing of the job stays behind."""

from __future__ import annotations

import os
import signal
import time

import pytest

from support.engine_jobs import Place
from support.engine_kills import DAEMON_JOB, SAVING_JOB, driving, guests, job_pid, job_processes, kill, left_after

RUN = "run-kills"


@pytest.fixture(autouse=True)
def nothing_left(place: Place, request: pytest.FixtureRequest):
    """Every test here ends with nothing of the job running."""
    yield
    left = left_after(place, RUN, 1.0)
    kill(*(one.pid for one in job_processes(place, RUN)))
    assert left == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)])
def test_an_interrupt_lets_the_job_save_its_work_and_goes_on_to_the_caller(place: Place, number: int, code: int):
    with driving(place, SAVING_JOB, run=RUN) as driver:
        driver.until("ready")
        driver.child.send_signal(number)
        assert driver.finish() == code

        assert "saved" in driver.lines, "what the job says while it stops is still heard"
        assert driver.result is None, "the interrupt went on: no result"
    assert left_after(place, RUN, 0.0) == []
    assert (place.folder / "output" / "checkpoint").read_text() == "saved"
    assert (place.folder / "output" / "checkpoint").stat().st_uid == os.getuid()


def test_a_second_interrupt_does_not_wait(place: Place):
    script = """
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("ready", flush=True)
        time.sleep(600)
    """
    with driving(place, script, run=RUN, grace=60) as driver:
        driver.until("ready")
        driver.child.send_signal(signal.SIGINT)
        time.sleep(1)
        began = time.monotonic()
        driver.child.send_signal(signal.SIGINT)
        driver.finish()
        assert time.monotonic() - began < 4


def test_kill_9_of_the_command_line_tool(place: Place):
    with driving(place, SAVING_JOB, run=RUN) as driver:
        driver.until("ready")
        driver.child.kill()

        assert left_after(place, RUN) == []
    place.engine().sweep()
    checkpoint = place.folder / "output" / "checkpoint"
    assert checkpoint.read_text() == "saved"
    assert checkpoint.stat().st_uid == os.getuid(), "the next sweep takes back what was lent"


def test_kill_9_of_the_command_line_tool_ends_a_daemon_of_the_job_too(place: Place):
    with driving(place, DAEMON_JOB, run=RUN, environment={"HIDE": "1"}) as driver:
        driver.until("ready")
        driver.child.kill()

        assert left_after(place, RUN) == []


def test_kill_9_of_the_guest(place: Place):
    with driving(place, DAEMON_JOB, run=RUN, environment={"HIDE": "1"}) as driver:
        driver.until("ready")
        warden, _ = guests(place, RUN)
        kill(warden)
        assert driver.finish() == 0

        assert left_after(place, RUN, 0.0) == [], "nothing is left when the engine returns"
        assert driver.result["exit_code"] == 137
        assert driver.result["outcome"] is not None or "killed from outside by signal 9" in driver.result["lost"]


def test_kill_9_of_all_of_the_guest_at_once(place: Place):
    with driving(place, DAEMON_JOB, run=RUN, environment={"HIDE": "1"}) as driver:
        driver.until("ready")
        kill(*guests(place, RUN))
        assert driver.finish() == 0

        assert left_after(place, RUN, 0.0) == [], "nothing is left when the engine returns"
        assert driver.result["exit_code"] == 137
        assert driver.result["outcome"] is None
        assert "killed from outside by signal 9" in driver.result["lost"]


def test_kill_9_of_the_job_itself(place: Place):
    with driving(place, DAEMON_JOB, run=RUN, environment={"HIDE": "1"}) as driver:
        driver.until("ready")
        kill(job_pid(place, RUN))
        assert driver.finish() == 0

        assert left_after(place, RUN, 0.0) == []
        assert driver.result["exit_code"] == 20
        assert driver.result["outcome"]["commands"][0]["signal"] == 9


def test_kill_9_of_the_tool_and_the_guest_at_once_is_cleaned_up_by_the_next_run(place: Place):
    with driving(place, DAEMON_JOB, run=RUN) as driver:
        driver.until("ready")
        kill(driver.child.pid, *guests(place, RUN))
        driver.child.wait()

        place.engine().sweep()
        assert left_after(place, RUN, 0.0) == []
    for path in (place.folder / "job").iterdir():
        assert path.stat().st_uid == os.getuid()


def test_the_deadline_ends_a_job_whose_guest_does_not(place: Place):
    began = time.monotonic()
    result = place.run(SAVING_JOB, run=RUN, deadline=1.5, grace=2.0, timeout=600)

    assert result.overdue
    assert 3 < time.monotonic() - began < 15
    assert result.exit_code != 0
    assert result.outcome is not None, "the leash came first: the guest still wrote its outcome"
    assert (place.folder / "output" / "checkpoint").read_text() == "saved"


def test_a_guest_that_hangs_is_killed_after_its_deadline(place: Place):
    job = place.job(
        """
        import os, signal, time
        keeper = os.getppid()
        warden = int(open(f"/proc/{keeper}/stat").read().rsplit(")", 1)[1].split()[1])
        for pid in (warden, keeper):
            os.kill(pid, signal.SIGSTOP)
        time.sleep(600)
    """,
        run=RUN,
        deadline=4,  # by then the guest has stopped itself, also on a busy machine
        grace=0.5,
    )
    began = time.monotonic()

    result = place.engine().run(job, place.lines.append)

    assert time.monotonic() - began < 45
    assert result.overdue
    assert result.exit_code == 137
    assert result.outcome is None
    assert "signal 9" in (result.lost or "")


@pytest.mark.parametrize("write", ["path.write_text('[1, 2]')", "path.symlink_to('/etc/hostname')"])
def test_an_outcome_that_is_none_is_said_to_be_none(place: Place, write: str):
    result = place.run(
        f"""
        import os, pathlib, signal
        path = pathlib.Path(os.environ["MLOPS_METRICS_FILE"]).parent / "outcome.json"
        {write}
        keeper = os.getppid()
        warden = int(open(f"/proc/{{keeper}}/stat").read().rsplit(")", 1)[1].split()[1])
        os.kill(keeper, signal.SIGSTOP)
        os.kill(warden, signal.SIGKILL)
        os.kill(keeper, signal.SIGKILL)
    """,
        run=RUN,
        deadline=30,
    )

    assert result.outcome is None
    assert "outcome.json" in (result.lost or "")


def test_an_error_of_the_listener_ends_the_job_and_reaches_the_caller(place: Place):
    class FullDiskError(Exception):
        pass

    def listener(line: str) -> None:
        if line == "ready":
            raise FullDiskError

    with pytest.raises(FullDiskError):
        place.engine().run(place.job(SAVING_JOB, run=RUN), listener)

    assert left_after(place, RUN, 0.0) == []
    assert (place.folder / "output" / "checkpoint").read_text() == "saved"
