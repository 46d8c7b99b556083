"""`mlops-ci shell`: where a stage's command runs, for a person. Both engines, on the records of one small run each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import signing
from support.cli import call, clean_environment, newest_run
from support.guest_job import until
from support.leftovers import containers, of_project
from support.project import CONFIG, make_project

PROBE = '''"""What the kernel says of where this runs; numbers that differ from container to container are left out."""
import os, re
status = open("/proc/self/status").read()
for name in ("Uid", "Gid", "Groups", "CapPrm", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp"):
    print("|", *re.search(rf"^{name}:.*$", status, re.M).group().split())
for line in open("/proc/self/mountinfo"):
    before, after = line.split(" - ")
    place, options = before.split()[4:6]
    if place.startswith(("/mlops", "/dev/shm", "/tmp")) or place == "/":
        print("|", place, options, after.split()[0])
for name in sorted(set(os.environ) - {"MLOPS_CI_JOB", "HOSTNAME"}):
    print("|", name, re.sub("/[^: ]*/(?=check/)|(?<=mlops-tmp-)[0-9a-f]+", "", os.environ[name]))
'''
PROBED = CONFIG.replace("python -m py_compile train.py evaluate.py", "python probe.py")


@dataclass(frozen=True)
class Checked:
    """A project whose check has run, and what its engine needs in the environment."""

    project: Path
    settings: dict[str, str]

    def call(self, *arguments: str):
        return call(self.project, *arguments, environment=self.settings)

    @property
    def run(self) -> Path:
        return newest_run(self.project)

    def state(self) -> dict[str, bytes]:
        """All files of the run and of MLflow, but for locks of its database."""
        folders = (self.run, self.project / ".mlops" / "mlflow")
        return {str(path): path.read_bytes() for one in folders for path in one.rglob("*") if path.is_file()}

    def left(self) -> list[object]:
        """What is left of a shell: containers, processes."""
        return [*containers(self.run.name), *of_project(self.project)]


@pytest.fixture(scope="module", params=["host", "docker"])
def checked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checked]:
    """One run per engine, up to the check. On Docker nothing runs in an image that is not signed."""
    settings = {"MLOPS_CI_ENGINE": request.param, "DOCKER_HOST": "unix:///nonexistent.sock"}
    if request.param == "docker":
        image = request.getfixturevalue("base_image")
        settings["DOCKER_HOST"] = request.getfixturevalue("docker_host")
        settings["MLOPS_CI_MIRRORS__IMAGES"] = f'{{"debian:bookworm-slim" = "{image}"}}'
        settings |= signing.signer(tmp_path_factory.mktemp("signer")).environment
    project = make_project(tmp_path_factory.mktemp("shell") / "project", config=PROBED, files={"probe.py": PROBE})
    one = Checked(project, settings)
    steps = [("run", "plan", "build", "check", "prepare", "--only")]
    if request.param == "docker":
        # Another test may have built the image: then it is others' work until a person signs it.
        steps = [("run", "plan", "build", "--only"), ("images", "sign"), ("run", "check", "prepare", "--only")]
    for step in steps:
        done = one.call(*step)
        assert done.exit_code == 0, done.said
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", settings["DOCKER_HOST"])
        yield one


def test_a_command_sees_what_the_job_of_the_stage_saw_and_leaves_no_trace(checked: Checked):
    as_the_job = [line for line in (checked.run / "logs" / "check.log").read_text().splitlines() if line[:1] == "|"]
    before = checked.state()

    done = checked.call("shell", "check", "--", "python", "probe.py")

    assert done.exit_code == 0, done.said
    # The kernel lists mounts in the order in which they happened to be made.
    assert sorted(line for line in done.stdout.splitlines() if line[:1] == "|") == sorted(as_the_job)
    assert len(as_the_job) > 20
    assert "COPY" in done.stderr
    assert checked.state() == before
    assert not (checked.project / ".mlops" / "shell").exists()
    assert checked.left() == []


def test_the_exit_code_is_that_of_the_command(checked: Checked):
    assert checked.call("shell", "--", "sh", "-c", "exit 7").exit_code == 7


@contextmanager
def at_a_terminal(checked: Checked, *arguments: str):
    """The command on a pseudo-terminal; gives its process and the terminal's outer end."""
    outer, inner = os.openpty()
    environment = clean_environment({**checked.settings, "TERM": "xterm"})
    process = subprocess.Popen(
        [sys.executable, "-m", "mlops_ci", "shell", *arguments],
        cwd=checked.project,
        env=environment,
        stdin=inner,
        stdout=inner,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    os.close(inner)
    os.set_blocking(outer, False)
    try:
        yield process, outer
    finally:
        process.kill()
        process.communicate()
        os.close(outer)


def reads(outer: int, text: str) -> str:
    """Read the terminal until the text stands on it."""
    shown = bytearray()

    def there() -> bool:
        with suppress(OSError):
            shown.extend(os.read(outer, 65536))
        return text.encode() in shown

    until(there, 60)
    return shown.decode("utf-8", "replace")


def test_a_person_tries_the_stage_by_hand(checked: Checked):
    before = checked.state()
    with at_a_terminal(checked, "train") as (process, outer):
        introduction = reads(outer, "python train.py 6 3.0 0.4")
        assert "The stage train runs here:" in introduction
        os.write(outer, b"python train.py 2 0.1 0.4; ls $MLOPS_OUTPUT_DIR; stty size; echo by hand > note\n")
        assert "model.safetensors" in reads(outer, "model.safetensors")
        os.write(outer, b"exit 3\n")
        assert process.wait(60) == 3
    assert checked.state() == before
    assert not (checked.project / "note").exists(), "the working copy is a copy"
    until(lambda: checked.left() == [])


def test_kill_9_of_the_command_leaves_no_container_and_no_process(checked: Checked):
    with at_a_terminal(checked, "train") as (process, outer):
        os.write(outer, b"sleep 600 & echo wait$((1))ing; sleep 600\n")
        reads(outer, "wait1ing")
        assert len(checked.left()) > 1
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        until(lambda: checked.left() == [], 30)
    assert checked.call("shell", "--", "true").exit_code == 0
    assert not (checked.project / ".mlops" / "shell").exists(), "the next one clears up"


def test_without_a_terminal_the_way_is_said(checked: Checked):
    done = checked.call("shell")
    assert done.exit_code == 2
    assert "mlops-ci shell -- COMMAND" in done.stderr


@pytest.mark.parametrize(("stage", "said"), [("evaluate", "has no model yet"), ("trian", "did you mean `train`")])
def test_a_stage_without_a_job_to_look_into_is_refused(checked: Checked, stage: str, said: str):
    done = checked.call("shell", stage, "--", "true")
    assert done.exit_code == 2
    assert said in done.stderr
