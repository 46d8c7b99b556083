"""Several processes: a rank that is killed is classed, and the training resumes and ends in the same bits."""

import json
import os
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlops_ci.training.retrying import Retrying
from support.guest_job import GuestJob, until

EXAMPLE = Path(__file__).parents[3] / "examples" / "ddp"
EPOCHS = 8


@pytest.fixture(scope="module")
def data(tmp_path_factory, python_with_torch):
    folder = tmp_path_factory.mktemp("ddp") / "data"
    subprocess.run([python_with_torch, EXAMPLE / "fetch.py", "--to", folder], check=True)
    return folder


@pytest.fixture(scope="module")
def make_training(zipapp, python_with_torch, data):
    """A training on so many nodes: one guest for each, which meet on the loopback."""

    def make(folder, nodes, processes):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        jobs = [GuestJob(zipapp, folder / f"node-{node}", python=python_with_torch) for node in range(nodes)]
        for node, job in enumerate(jobs):
            shutil.copytree(EXAMPLE, job.folder / "work", dirs_exist_ok=True)
            command = f"python train.py --data {data} --epochs {EPOCHS}"
            job.task.update(
                commands=[{"name": "train", "command": command}],
                launch={"processes": processes, "nodes": nodes, "node": node, "rendezvous": f"127.0.0.1:{port}"},
                model={"allow_pickle": []} if node == 0 else None,
                environment={"GLOO_SOCKET_IFNAME": "lo", **({"MASTER_PORT": str(port)} if processes == 1 else {})},
                timeout=180,
            )
        return jobs

    return make


@pytest.fixture
def training(make_training, tmp_path):
    """Trainings of one test; `going_on` is a folder of checkpoints from which they go on."""
    made = []

    def make(nodes, processes=2, going_on=None):
        jobs = make_training(tmp_path / f"training-{len(made) + 1}", nodes, processes)
        made.extend(jobs)
        if going_on is not None:
            shutil.copytree(going_on, jobs[0].folder / "checkpoints", dirs_exist_ok=True)
        return jobs

    yield make
    let_go(made)


@dataclass(frozen=True)
class Half:
    """A training of two processes of which one was killed, the step it had reached, and its checkpoints then."""

    job: GuestJob
    reached: int
    checkpoints: Path


@pytest.fixture(scope="module")
def half(make_training, tmp_path_factory):
    folder = tmp_path_factory.mktemp("half")
    (job,) = make_training(folder, nodes=1, processes=2)
    try:
        reached = killed([job], rank=1)
        shutil.copytree(job.folder / "checkpoints", folder / "kept")
        yield Half(job, reached, folder / "kept")
    finally:
        let_go([job])


@pytest.fixture(scope="module")
def undisturbed(make_training, tmp_path_factory):
    """The same training, which nothing disturbs."""
    (job,) = make_training(tmp_path_factory.mktemp("undisturbed"), nodes=1, processes=2)
    try:
        job.start()
        assert finish([job]) == [0]
        yield job
    finally:
        let_go([job])


def let_go(jobs):
    """None of them may have left anything running."""
    for job in jobs:
        job.end()
    until(lambda: not any(job.running() for job in jobs))


def finish(jobs, limit=90):
    codes = [job.process.wait(limit) for job in jobs]
    for job in jobs:
        job.end()
    return codes


def metrics(job):
    return [(row["step"], row["loss"], row["accuracy"]) for row in job.lines("metrics.jsonl")]


def model(job):
    return {one["path"]: one["sha256"] for one in job.outcome()["model"]["files"]}


def rank_of(job, rank):
    """The process of this rank, below its guardian: the one whose environment says so."""
    for one in job.running():
        try:
            variables = Path(f"/proc/{one.pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"RANK={rank}".encode() in variables and " train.py" in one.command:
            return one.pid
    return None


def step_of(job):
    """The step of the newest checkpoint; 0 without one."""
    try:
        return json.loads((job.folder / "checkpoints" / "latest.json").read_text())["step"]
    except FileNotFoundError:
        return 0


def killed(jobs, rank):
    """SIGKILL to this rank once there is a new checkpoint; when all has ended, the step that the newest one has."""
    before = step_of(jobs[0])
    for job in jobs:
        job.start()
    until(lambda: step_of(jobs[0]) > before, 60)
    os.kill(rank_of(jobs[-1], rank), signal.SIGKILL)
    finish(jobs)
    return jobs[0].outcome()["checkpoint"]["step"]


def ends_as(disturbed, undisturbed, reached, *, beside):
    """All start: the disturbed go on from where they were, and end in the same bits."""
    jobs = (*disturbed, beside)
    for job in jobs:
        job.start()
    assert set(finish(jobs)) == {0}
    assert disturbed[0].outcome()["resumed_from_step"] == reached < EPOCHS
    assert model(disturbed[0]) == model(undisturbed)
    assert metrics(disturbed[0])[-1] == metrics(undisturbed)[-1]


def ends_much_as(other, undisturbed, reached):
    """What went on with another number of processes is the same training, in other shares of each batch."""
    assert other.outcome()["resumed_from_step"] == reached
    assert [step for step, *_ in metrics(other)] == list(range(reached + 1, EPOCHS + 1))
    (_, loss, accuracy), (_, their_loss, their_accuracy) = metrics(other)[-1], metrics(undisturbed)[-1]
    assert (loss, accuracy) == (pytest.approx(their_loss, rel=0.1), pytest.approx(their_accuracy, abs=0.01))


def test_two_processes_survive_a_killed_rank(half, undisturbed, training):
    hit = half.job.outcome()
    assert (hit["class"], hit["exit_code"]) == ("killed", 20)
    assert hit["cause"].startswith("rank 1: the job was killed (SIGKILL)")
    assert "mlops-ci: rank 1 failed first" in half.job.log()
    assert Retrying(limit=2).decide("killed", 20) is not None

    # The same checkpoint goes on with fewer processes.
    (alone,) = training(1, processes=1, going_on=half.checkpoints)
    ends_as([half.job], undisturbed, half.reached, beside=alone)
    ends_much_as(alone, undisturbed, half.reached)
    assert "epoch" not in (half.job.folder / "job" / "ranks" / "rank-1.log").read_text()


def test_two_nodes_of_two_processes_survive_a_killed_rank(half, undisturbed, training):
    """They go on from the checkpoint of two processes, and so do four on one node, which nothing disturbs."""
    disturbed = training(2, going_on=half.checkpoints)
    reached = killed(disturbed, rank=3)
    assert half.reached < reached
    ends = [job.outcome() for job in disturbed]
    assert [one["class"] for one in ends] == ["peer-lost", "killed"]
    assert ends[1]["cause"].startswith("rank 3: ")
    assert all(Retrying(limit=2).decide(one["class"], one["exit_code"]) for one in ends)

    (four,) = training(1, processes=4, going_on=half.checkpoints)
    ends_as(disturbed, four, reached, beside=four)
    assert [one["rank"] for job in disturbed for one in job.outcome()["ranks"]] == [0, 1, 2, 3]
    # The same checkpoint goes on with more processes.
    ends_much_as(four, undisturbed, half.reached)
    assert [one["rank"] for one in four.outcome()["ranks"]] == [0, 1, 2, 3]
