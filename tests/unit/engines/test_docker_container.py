"""The container as it is asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mlops_ci.engines.base import Job, Limits, Mount
from mlops_ci.engines.docker_container import Confinement, container_options, environment_of, host_options, paths_of
from mlops_ci.engines.docker_identity import Identity, identity
from mlops_ci.engines.owner import Owner

JOB = Job(
    run="20261122-010203-abcdef",
    stage="train",
    ref="registry/image@sha256:" + "0" * 64,
    task={},
    mounts=(Mount(name="job", source=Path("/a/job"), read_only=False),),
    environment={"TOKEN": "secret"},
)
CONFINEMENT = Confinement(identity=Identity(user="1:2"), gpus=(), cores=4)


def test_the_command_line_holds_no_secret_and_nothing_of_the_host():
    options = container_options(JOB, CONFINEMENT, {})

    assert [*options["entrypoint"], *options["command"]] == [
        "python3",
        "/mlops/guest.pyz",
        "run",
        "/mlops/job/task.json",
    ]
    assert options["environment"] == {"TOKEN": "secret", "NVIDIA_VISIBLE_DEVICES": "void"}
    assert options["stdin_open"] is True
    assert options["use_config_proxy"] is False
    assert options["user"] == "1:2"
    assert options["labels"] == {
        "io.mlops-ci.run": JOB.run,
        "io.mlops-ci.stage": "train",
        "io.mlops-ci.owner": Owner.current().text(),
    }
    assert paths_of(JOB) == {"job": "/mlops/job"}


def test_names_are_fit_for_docker_and_never_the_same():
    odd = replace(JOB, run="run with spaces/and:colons")
    names = {container_options(odd, CONFINEMENT, {})["name"] for _ in range(10)}

    assert len(names) == 10
    assert all(name.startswith("mlops-ci-run-with-spaces-and-colons-train-") for name in names)


def test_no_limit_is_no_limit_and_the_rest_always_holds():
    options = host_options(JOB, CONFINEMENT)

    assert not {"mem_limit", "memswap_limit", "nano_cpus", "userns_mode"} & set(options)
    assert options["network_mode"] == "none"
    assert options["read_only"] is options["init"] is options["auto_remove"] is True
    assert options["cap_drop"] == ["ALL"]
    assert options["security_opt"] == ["no-new-privileges:true"]
    assert options["pids_limit"] == 4096
    assert options["shm_size"] == 1 << 30


@pytest.mark.parametrize(("cpus", "expected"), [(1.5, 1_500_000_000), (64.0, 4_000_000_000)])
def test_limits(cpus: float, expected: int):
    job = replace(JOB, limits=Limits(cpus=cpus, memory_bytes=1 << 30), network=True)
    options = host_options(job, CONFINEMENT)

    assert options["nano_cpus"] == expected
    assert options["mem_limit"] == options["memswap_limit"] == 1 << 30
    assert options["network_mode"] == "bridge"
    assert environment_of(job, ("GPU-1",)) == {"OMP_NUM_THREADS": str(int(cpus)), "TOKEN": "secret"}


def test_the_job_may_choose_its_threads_itself():
    job = replace(JOB, limits=Limits(cpus=2.0), environment={"OMP_NUM_THREADS": "7"})

    assert environment_of(job, ())["OMP_NUM_THREADS"] == "7"


@pytest.mark.parametrize(
    ("uid", "options", "expected"),
    [
        (1000, ["name=seccomp,profile=builtin"], Identity(user="1000:50")),
        (0, [], Identity(user="10001:10001", hand_over=10001)),
        (1000, ["name=seccomp,profile=builtin", "name=rootless"], Identity(user="0:0")),
        (1000, ["name=userns"], Identity(user="1000:50", userns_mode="host")),
        (0, ["name=userns"], Identity(user="10001:10001", userns_mode="host", hand_over=10001)),
    ],
)
def test_who_the_container_is(uid: int, options: list[str], expected: Identity):
    assert identity(uid, 50, security_options=options, stand_in=10001) == expected
