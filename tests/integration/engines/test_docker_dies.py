"""A Docker engine of our own, killed and stopped while it runs a job."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_ci.engines.base import EngineDiedError
from support.engine_jobs import Place
from support.engine_kills import SAVING_JOB, alive, job_processes
from support.fixtures_testbed import TESTBED
from support.testbed import base_image as base
from support.testbed.docker_engine import DockerEngine
from support.testbed.service import running
from support.testbed.state import State

RUN = "run-dies"


@pytest.fixture(scope="module")
def engine_state(docker_host: str, python_image: str) -> Iterator[State]:
    """The state of a Docker engine that holds the Python image; it does not run."""
    archive = base.archive(State.default())
    if os.getuid() != 0 or not archive.exists():
        pytest.skip(f"a Docker engine of its own needs root and the testbed's base image: {TESTBED}")
    # Not below pytest's temporary folder: its names are too long for the engine's sockets.
    state = State(Path(tempfile.mkdtemp(prefix="mlops-ci-")))
    try:
        (state.root / "base").symlink_to(archive.parent)
        with running(DockerEngine(state)) as record:
            saved = subprocess.run(
                ["docker", "--host", docker_host, "save", python_image], stdout=subprocess.PIPE, check=True
            )
            load = ["docker", "--host", record.environment["DOCKER_HOST"], "load"]
            subprocess.run(load, input=saved.stdout, check=True, capture_output=True)
        yield state
    finally:
        shutil.rmtree(state.root, ignore_errors=True)


@pytest.fixture
def own_engine(engine_state: State) -> Iterator[tuple[str, int]]:
    """DOCKER_HOST and process id of a Docker engine that may be killed."""
    with running(DockerEngine(engine_state)) as record:
        yield record.environment["DOCKER_HOST"], record.pid


@pytest.mark.parametrize(
    ("number", "message"),
    [(signal.SIGKILL, "died while the job ran"), (signal.SIGTERM, "was stopped while the job ran")],
)
def test_the_job_saves_its_work_and_the_caller_is_told(
    docker: Place, own_engine: tuple[str, int], monkeypatch: pytest.MonkeyPatch, number: int, message: str
):
    host, pid = own_engine
    monkeypatch.setenv("DOCKER_HOST", host)
    seen: list[int] = []

    def listener(line: str) -> None:
        if line == "ready":
            seen.extend(one.pid for one in job_processes(docker, RUN))
            os.kill(pid, number)

    began = time.monotonic()
    with pytest.raises(EngineDiedError, match=message) as caught:
        docker.engine().run(docker.job(SAVING_JOB, run=RUN), listener)

    assert time.monotonic() - began < 40, "no hang"
    assert caught.value.exit_code == 10
    assert len(seen) >= 3
    assert [one for one in seen if alive(one)] == [], "a container that outlives its engine is ended all the same"
    checkpoint = docker.folder / "output" / "checkpoint"
    assert checkpoint.read_text() == "saved"
    assert checkpoint.stat().st_uid == 0
