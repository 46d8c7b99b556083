"""Several processes: a rank that is killed is classed, and the training resumes and ends in the same bits."""

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from mlops_ci.training.again import Again
from support.guest_job import until

EXAMPLE = Path(__file__).parents[3] / "examples" / "ddp"
EPOCHS = 8
SAYS = """
    print(os.environ.get("MLFLOW_RUN_ID", "nothing tracked"), os.environ["RANK"])
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory, python_with_torch):
    folder = tmp_path_factory.mktemp("ddp") / "data"
    subprocess.run([python_with_torch, EXAMPLE / "fetch.py", "--to", folder], check=True)
    return folder


@pytest.fixture
def training(make_job, python_with_torch, data):
    """A training on so many nodes: one guest for each, which meet on the loopback."""

    def make(nodes):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        jobs = [make_job(python=python_with_torch) for _ in range(nodes)]
        for node, job in enumerate(jobs):
            shutil.copytree(EXAMPLE, job.folder / "work", dirs_exist_ok=True)
            with (job.folder / "work" / "train.py").open("a") as script:
                script.write(SAYS)
            command = f"python train.py --data {data} --epochs {EPOCHS}"
            job.task.update(
                commands=[{"name": "train", "command": command}],
                launch={"processes": 2, "nodes": nodes, "node": node, "rendezvous": f"127.0.0.1:{port}"},
                model={"allow_pickle": []} if node == 0 else None,
                environment={"MLFLOW_RUN_ID": "tracked", "GLOO_SOCKET_IFNAME": "lo"},
                grace=10,
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


def kill(jobs, rank):
    """SIGKILL to this rank once there is a checkpoint; when all has ended, the step that the checkpoint has."""
    pointer = jobs[0].folder / "checkpoints" / "latest.json"
    before = pointer.stat().st_mtime_ns if pointer.exists() else 0
    for job in jobs:
        job.start()
    victim = until(lambda: rank_of(jobs[-1], rank), 60)
    until(lambda: pointer.exists() and pointer.stat().st_mtime_ns != before, 60)
    os.kill(victim, signal.SIGKILL)
    finish(jobs)
    return jobs[0].outcome()["checkpoint"]["step"]


def ends_as(disturbed, undisturbed, reached):
    for job in (*disturbed, *undisturbed):
        job.start()
    assert finish((*disturbed, *undisturbed)) == [0] * 2 * len(disturbed)
    assert disturbed[0].outcome()["resumed_from_step"] == reached < EPOCHS
    assert model(disturbed[0]) == model(undisturbed[0])
    assert metrics(disturbed[0])[-1] == metrics(undisturbed[0])[-1]


def test_two_processes_stop_together_and_survive_a_killed_rank(training):
    (job,), undisturbed = training(1), training(1)
    process = job.start()
    until((job.folder / "checkpoints" / "latest.json").exists, 60)
    process.send_signal(signal.SIGTERM)
    assert finish([job]) == [12]
    assert job.outcome()["class"] == "preempted"
    assert [one["exit_code"] for one in job.outcome()["ranks"]] == [0, 0]

    reached = kill([job], rank=1)
    hit = job.outcome()
    assert (hit["class"], hit["exit_code"]) == ("killed", 20)
    assert hit["cause"].startswith("rank 1: the job was killed (SIGKILL)")
    assert "mlops-ci: rank 1 failed first" in job.log()
    assert Again(limit=2).decide("killed", 20) is not None

    ends_as([job], undisturbed, reached)
    assert "tracked 0" in job.log()
    assert "tracked 1" not in job.log()
    assert "nothing tracked 1" in (job.folder / "job" / "ranks" / "rank-1.log").read_text()


def test_two_nodes_of_two_processes_survive_a_killed_rank(training):
    disturbed, undisturbed = training(2), training(2)
    reached = kill(disturbed, rank=3)
    ends = [job.outcome() for job in disturbed]
    assert [one["class"] for one in ends] == ["peer-lost", "killed"]
    assert ends[1]["cause"].startswith("rank 3: ")
    assert all(Again(limit=2).decide(one["class"], one["exit_code"]) for one in ends)

    ends_as(disturbed, undisturbed, reached)
    assert [one["rank"] for job in disturbed for one in job.outcome()["ranks"]] == [0, 1, 2, 3]
