"""What only the Docker engine promises: confinement, and answers to an engine that refuses, lacks something or dies."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from mlops_ci.engines import leases
from mlops_ci.engines.base import EngineDiedError, EnvironmentMissingError, FolderNotReadableError, Limits, Mount
from mlops_ci.engines.docker_errors import NvidiaRuntimeMissingError, SharedFolderError
from mlops_ci.engines.docker_socket import DockerSocket
from mlops_ci.engines.owner import Owner
from support import engine_driver
from support.cut_socket import cut_socket
from support.engine_jobs import Place
from support.engine_kills import SAVING_JOB, containers, left_after

RUN = "run-docker"
ROOT = os.getuid() == 0


def test_the_job_is_confined(docker: Place):
    result = docker.run(
        """
        import json, os, pathlib
        status = dict(line.split(":\\t", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
        def refused(path):
            try:
                pathlib.Path(path).write_text("x")
            except OSError as error:
                return error.strerror
        shm, tmp = os.statvfs("/dev/shm"), os.statvfs("/tmp")
        pids = pathlib.Path("/sys/fs/cgroup/pids/pids.max")
        pids = pids if pids.exists() else pathlib.Path("/sys/fs/cgroup/pids.max")
        program = pathlib.Path("/tmp/program")
        program.write_text("#!/bin/sh\\nexit 0\\n")
        program.chmod(0o755)
        print(json.dumps({
            "uid": os.getuid(), "gid": os.getgid(), "groups": os.getgroups(),
            "capabilities": [status[name] for name in ("CapPrm", "CapEff", "CapBnd")],
            "no_new_privileges": status["NoNewPrivs"],
            "root": refused("/here"), "usr": refused("/usr/here"), "data": refused("/mlops/data/here"),
            "guest": refused("/mlops/guest.pyz"),
            "shm": shm.f_blocks * shm.f_frsize, "tmp": tmp.f_blocks * tmp.f_frsize,
            "program": os.system("/tmp/program"),
            "pids": pids.read_text().strip(),
            "init": pathlib.Path("/proc/1/cmdline").read_bytes().split(b"\\0")[0].decode(),
            "links": sorted(os.listdir("/sys/class/net")),
        }))
        """,
        limits=Limits(shm_bytes=64 * 1024 * 1024, pids=200),
    )

    assert result.exit_code == 0, docker.lines
    found = json.loads(docker.said()[-1])
    user = 10001 if ROOT else os.getuid()
    assert (found["uid"], found["gid"]) == (user, 10001 if ROOT else os.getgid())
    assert set(found["groups"]) <= {found["gid"]}
    assert found["capabilities"] == ["0000000000000000"] * 3
    assert found["no_new_privileges"] == "1"
    for place in ("root", "usr", "data", "guest"):
        assert found[place] == "Read-only file system", place
    assert found["shm"] == 64 * 1024 * 1024
    assert found["tmp"] == 1 << 30
    assert found["program"] == 0
    assert found["pids"] == "200"
    assert "docker-init" in found["init"]
    assert found["links"] == ["lo"]


def test_a_job_with_network_reaches_this_machine_at_the_gateway(docker: Place):
    gateway = docker.engine().gateway()
    script = f"""
        import os, socket
        print(sorted(os.listdir("/sys/class/net")))
        connection = socket.socket()
        connection.settimeout(5)
        print(connection.connect_ex(("{gateway}", 9)))
    """

    docker.run(script, network=True)

    assert "eth0" in docker.said()[0]
    assert docker.said()[1] == "111", "refused by this machine: nobody listens on the discard port, but it is reached"


def test_the_job_can_have_no_more_cores_than_there_are(docker: Place):
    result = docker.run("print('runs')", limits=Limits(cpus=4096.0))

    assert result.exit_code == 0


@pytest.mark.skipif(not ROOT, reason="only root can become another user")
def test_a_caller_who_is_not_root_gets_files_of_its_own(docker: Place):
    folder = Path(tempfile.mkdtemp(prefix="mlops-ci-"))
    try:
        os.chown(folder, 1234, 1234)
        script = folder / "script.py"
        script.write_text("import os\nopen('mine', 'w').close()\nprint(os.getuid(), os.getgid())")
        # The other user may read this checkout and use the socket, wherever they are; its files are its own.
        reads = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
        user = ["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", *reads, "--"]
        driver = [
            sys.executable,
            engine_driver.__file__,
            "docker",
            docker.ref,
            str(folder / "place"),
            str(script),
            "{}",
        ]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(folder)}
        done = subprocess.run([*user, *driver], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line).get("line") for line in done.stdout.splitlines()]
        mine = folder / "place" / "work" / "mine"
        assert "1234 1234" in lines
        assert (mine.stat().st_uid, mine.stat().st_gid) == (1234, 1234)
    finally:
        shutil.rmtree(folder)


def test_an_image_that_is_not_there(docker: Place):
    docker.ref = "mlops-ci-test/nowhere:1"

    with pytest.raises(EnvironmentMissingError, match="not on this Docker engine") as caught:
        docker.run("pass")
    assert caught.value.exit_code == 3


def test_an_image_without_python(docker: Place, base_image: str):
    docker.ref = base_image

    with pytest.raises(EnvironmentMissingError, match="no `python3`"):
        docker.run("pass", run=RUN)
    assert containers(RUN) == []


def test_gpus_without_nvidias_runtime(docker: Place, monkeypatch: pytest.MonkeyPatch):
    # There is no GPU here: one is invented, and the engine's own refusal is real.
    monkeypatch.setattr(leases, "visible_devices", lambda environ: ("GPU-invented",))
    monkeypatch.setattr(leases, "lock_folder", lambda: docker.folder)
    runtimes = DockerSocket().info()["Runtimes"]
    assert "nvidia" not in runtimes, "this test is for machines without NVIDIA's runtime"

    with pytest.raises(NvidiaRuntimeMissingError, match="could not select device driver") as caught:
        docker.run("pass", run=RUN, limits=Limits(gpus=1))

    assert caught.value.exit_code == 3
    assert "nvidia-ctk" in caught.value.hint
    assert containers(RUN) == [], "the container that Docker had created is gone"


def test_an_engine_that_does_not_see_our_files(docker: Place):
    job = docker.job("pass", run=RUN)
    elsewhere = Mount(name="model", source=Path("/nonexistent/model"), read_only=False)

    with pytest.raises(SharedFolderError, match="does not see this machine's files"):
        docker.engine().run(type(job)(**{**vars(job), "mounts": (*job.mounts, elsewhere)}), print)


@pytest.mark.skipif(not ROOT, reason="only root runs its jobs as another user")
def test_data_that_the_jobs_user_cannot_read_is_said_before_anything_starts(docker: Place):
    job = docker.job("pass", run=RUN)
    (docker.folder / "data").chmod(0o700)

    with pytest.raises(FolderNotReadableError, match="cannot read") as caught:
        docker.engine().run(job, print)
    assert "chmod" in caught.value.hint


def test_an_engine_that_dies_while_the_job_runs(docker: Place, docker_host: str, monkeypatch: pytest.MonkeyPatch):
    folder = Path(tempfile.mkdtemp(prefix="mlops-ci-"))
    lines: list[str] = []
    try:
        with cut_socket(folder / "docker.sock", docker_host) as between:
            monkeypatch.setenv("DOCKER_HOST", f"unix://{between.path}")
            engine = docker.engine()
            began = 0.0

            def listener(line: str) -> None:
                nonlocal began
                lines.append(line)
                if line == "ready":
                    began = time.monotonic()
                    between.cut()

            with pytest.raises(EngineDiedError, match="died while the job ran") as caught:
                engine.run(docker.job(SAVING_JOB, run=RUN), listener)
            assert time.monotonic() - began < 10, "no hang"
            assert caught.value.exit_code == 10
            assert "start Docker again" in caught.value.hint
    finally:
        shutil.rmtree(folder)
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    assert left_after(docker, RUN) == [], "the leash was cut too: the container ended by itself"


def test_the_next_run_removes_a_container_that_was_created_and_never_started(docker: Place, docker_host: str):
    owner = Owner(**{**vars(Owner.current()), "pid": 2**22 + 1, "started": "1"})
    labels = [f"io.mlops-ci.run={RUN}", "io.mlops-ci.stage=check", f"io.mlops-ci.owner={owner.text()}"]
    options = [word for label in labels for word in ("--label", label)]
    subprocess.run(
        ["docker", "create", "--pull", "never", *options, docker.ref, "true"], check=True, capture_output=True
    )
    assert len(containers(RUN)) == 1

    assert docker.engine().sweep() == 1
    assert containers(RUN) == []


def test_a_container_of_a_living_run_is_left_alone(docker: Place):
    options = ["--label", f"io.mlops-ci.run={RUN}", "--label", f"io.mlops-ci.owner={Owner.current().text()}"]
    subprocess.run(
        ["docker", "create", "--pull", "never", *options, docker.ref, "true"], check=True, capture_output=True
    )

    assert docker.engine().sweep() == 0
    (left,) = containers(RUN)
    subprocess.run(["docker", "rm", left["Id"]], check=True, capture_output=True)
