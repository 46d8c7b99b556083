"""A person's shell in the place of a job: on all three engines, with the real guest, and confined as the job is."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest

from mlops_ci.engines.base import Job, Limits
from support.engine_jobs import Place
from support.guest_job import until
from support.leftovers import containers, of_project
from support.person import FakePerson, slowly

# What the kernel says of a process's confinement. The names of mounts differ from container to container.
CONFINED = """
import os, re
status = open("/proc/self/status").read()
for name in ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"):
    print("|", *re.search(rf"^{name}:.*$", status, re.M).group().split())
for line in sorted(open("/proc/self/mountinfo")):
    before, after = line.split(" - ")
    place, options = before.split()[4:6]
    kind = after.split()[0]
    if kind != "overlay" or place == "/":
        print("|", place, options, kind)
print("|", *sorted(name for name in os.environ if name not in ("TERM", "SHELL", "PWD", "OLDPWD", "SHLVL", "_")))
pids = "/sys/fs/cgroup/pids/pids.max"
print("|", os.getcwd().rpartition("/")[2], open(pids).read().strip() if os.path.exists(pids) else "")
"""


def shell(place: Place, *, argv: tuple[str, ...] = (), script: str = "", **options: object) -> Job:
    """The job of `place`, with a shell or `argv` in it."""
    job = place.job(script or "print('the stage')", **options)
    terminal = None if argv else "xterm"
    return replace(job, task={**job.task, "kind": "shell", "shell": {"argv": list(argv), "terminal": terminal}})


def test_a_shell_on_a_terminal_of_its_own(place: Place):
    def then(person: FakePerson) -> None:
        slowly(person, "echo $((6 * 7)) $TERM $MLOPS_STAGE", "stty size", "test -t 0 && tty", "exit 5")

    with FakePerson(then) as person:
        result = place.engine().converse(shell(place), person)

    assert result.exit_code == 5
    assert "42 xterm check" in person.screen
    assert "33 111" in person.screen
    assert "/dev/pts/" in person.screen
    assert person.screen.startswith("The stage check runs here:\n  python3 job.py\n")


def test_the_window_changes_its_size(host: Place):
    def then(person: FakePerson) -> None:
        slowly(person, "stty size")
        person.wait_for("33 111")
        person.dimensions = (50, 200)
        time.sleep(0.5)
        slowly(person, "stty size", "exit")

    with FakePerson(then) as person:
        host.engine().converse(shell(host), person)
    assert "50 200" in person.screen


def test_ctrl_c_is_the_business_of_what_runs_in_the_shell(host: Place):
    def then(person: FakePerson) -> None:
        slowly(person, "sleep 600; echo ended with $?")
        time.sleep(0.5)
        person.type("\x03")
        person.wait_for("^C")
        slowly(person, "echo still $((1 + 1))", "exit 0")

    with FakePerson(then) as person:
        assert host.engine().converse(shell(host), person).exit_code == 0
    assert "still 2" in person.screen


def test_a_command_without_a_terminal(place: Place):
    ended = place.engine().run(shell(place, argv=("sh", "-c", "echo hello; test -t 1 || exit 9")), place.lines.append)

    assert ended.exit_code == 9
    assert place.said() == ["hello"]


@pytest.mark.parametrize("program", ["no-such-program", "./no-such-file"])
def test_a_command_that_is_not_there_ends_with_127(host: Place, program: str):
    ended = host.engine().run(shell(host, argv=(program,)), host.lines.append)

    assert ended.exit_code == 127
    assert program.removeprefix("./") in "\n".join(host.lines)


def test_a_terminal_that_is_gone_ends_the_shell_and_all_that_it_started(place: Place):
    def then(person: FakePerson) -> None:
        slowly(person, "(trap '' HUP TERM; sleep 600) & sleep 600 # ready", "")
        person.wait_for("ready")
        person.leave()

    started = time.monotonic()
    with FakePerson(then) as person:
        result = place.engine().converse(shell(place, run="run-gone"), person)

    assert result.exit_code != 0
    assert time.monotonic() - started < 30
    until(lambda: not containers("run-gone") and not of_project(place.folder))


def test_who_types_ahead_of_a_program_that_reads_nothing_can_still_leave(place: Place):
    """Full pipes on the way in must not hide the end of the leash."""

    def then(person: FakePerson) -> None:
        slowly(person, "sleep 600 # ready")
        person.wait_for("ready")
        person.type("x" * 400_000)
        person.leave()

    with FakePerson(then) as person:
        result = place.engine().converse(shell(place), person)
    assert result.exit_code != 0


def test_the_shell_is_confined_as_the_job_is(place: Place):
    limits = Limits(memory_bytes=300 * 1024 * 1024, pids=100, cpus=1.0) if place.name == "docker" else Limits()
    place.run(CONFINED, limits=limits, environment={"OWN": "1"})
    as_a_job = [line for line in place.lines if line.startswith("|")]

    with FakePerson(lambda person: slowly(person, "stty -echo; python3 job.py", "exit")) as person:
        place.engine().converse(shell(place, script=CONFINED, limits=limits, environment={"OWN": "1"}), person)
    in_the_shell = [line for line in person.screen.splitlines() if line.startswith("|")]

    assert _comparable(place, in_the_shell) == _comparable(place, as_a_job)
    assert any("NoNewPrivs: 1" in line for line in in_the_shell) == (place.name == "docker")
    if place.name == "docker":
        assert "| CapEff: 0000000000000000" in in_the_shell
        assert any(line.startswith("| / ro,") for line in in_the_shell)


def _comparable(place: Place, lines: list[str]) -> list[str]:
    """Without what is another in each container; the mounts of the whole machine change while other tests run."""
    own = [line for line in lines if place.name == "docker" or not line.startswith("| /")]
    return sorted(re.sub(r"[0-9a-f]{64}", "ID", line) for line in own)
