"""Several processes: a rank that is killed is classed, and the training resumes and ends in the same bits."""

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from mlops_ci.training.retrying import Retrying
from support.guest_job import until

EXAMPLE = Path(__file__).parents[3] / "examples" / "ddp"
EPOCHS = 8


@pytest.fixture(scope="module")
def data(tmp_path_factory, python_with_torch):
    folder = tmp_path_factory.mktemp("ddp") / "data"
    subprocess.run([python_with_torch, EXAMPLE / "fetch.py", "--to", folder], check=True)
    return folder


@pytest.fixture
def training(make_job, python_with_torch, data):
    """A training on so many nodes: one guest for each, which meet on the loopback."""

    def make(nodes, processes=2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        jobs = [make_job(python=python_with_torch) for _ in range(nodes)]
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


def killed(jobs, rank):
    """SIGKILL to this rank once there is a checkpoint; when all has ended, the step that the checkpoint has."""
    for job in jobs:
        job.start()
    victim = until(lambda: rank_of(jobs[-1], rank), 60)
    until((jobs[0].folder / "checkpoints" / "latest.json").exists, 60)
    os.kill(victim, signal.SIGKILL)
    finish(jobs)
    return jobs[0].outcome()["checkpoint"]["step"]


def ends_as(disturbed, undisturbed, reached):
    """All start: the disturbed go on from where they were, and end in the same bits."""
    for job in (*disturbed, undisturbed):
        job.start()
    assert set(finish((*disturbed, undisturbed))) == {0}
    assert disturbed[0].outcome()["resumed_from_step"] == reached < EPOCHS
    assert model(disturbed[0]) == model(undisturbed)
    assert metrics(disturbed[0])[-1] == metrics(undisturbed)[-1]


def test_two_processes_survive_a_killed_rank(training):
    (job,), (undisturbed,) = training(1), training(1)
    reached = killed([job], rank=1)
    hit = job.outcome()
    assert (hit["class"], hit["exit_code"]) == ("killed", 20)
    assert hit["cause"].startswith("rank 1: the job was killed (SIGKILL)")
    assert "mlops-ci: rank 1 failed first" in job.log()
    assert Retrying(limit=2).decide("killed", 20) is not None

    # The same checkpoint goes on with fewer and with more processes: the same training, in other shares of each batch.
    others = [training(1, processes=count)[0] for count in (1, 3)]
    for other in others:
        shutil.copytree(job.folder / "checkpoints", other.folder / "checkpoints", dirs_exist_ok=True)
        other.start()
    ends_as([job], undisturbed, reached)
    assert finish(others) == [0, 0]
    for other in others:
        assert other.outcome()["resumed_from_step"] == reached
        assert [step for step, *_ in metrics(other)] == list(range(reached + 1, EPOCHS + 1))
        (_, loss, accuracy), (_, their_loss, their_accuracy) = metrics(other)[-1], metrics(undisturbed)[-1]
        assert (loss, accuracy) == (pytest.approx(their_loss, rel=0.1), pytest.approx(their_accuracy, abs=0.01))
    assert [one["rank"] for one in others[1].outcome()["ranks"]] == [0, 1, 2]
    assert "epoch" not in (job.folder / "job" / "ranks" / "rank-1.log").read_text()


def test_two_nodes_of_two_processes_survive_a_killed_rank(training):
    disturbed, (undisturbed,) = training(2), training(1, processes=4)
    reached = killed(disturbed, rank=3)
    ends = [job.outcome() for job in disturbed]
    assert [one["class"] for one in ends] == ["peer-lost", "killed"]
    assert ends[1]["cause"].startswith("rank 3: ")
    assert all(Retrying(limit=2).decide(one["class"], one["exit_code"]) for one in ends)

    ends_as(disturbed, undisturbed, reached)
    assert [one["rank"] for job in disturbed for one in job.outcome()["ranks"]] == [0, 1, 2, 3]
