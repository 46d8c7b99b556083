"""Several processes: a rank that is killed is classed, and the training resumes and ends in the same bits."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from mlops_ci.training.again import Again
from support.guest_job import until

EXAMPLE = Path(__file__).parents[3] / "examples" / "ddp"
EPOCHS = 16


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


@pytest.mark.parametrize("nodes", [1, 2])
def test_a_killed_rank_is_classed_resumed_and_ends_in_the_same_bits(training, nodes):
    undisturbed, disturbed = training(nodes), training(nodes)
    for job in disturbed:
        job.start()
    victim = until(lambda: rank_of(disturbed[-1], 2 * nodes - 1), 60)
    until((disturbed[0].folder / "checkpoints" / "latest.json").exists, 60)
    os.kill(victim, signal.SIGKILL)
    finish(disturbed)
    hit = disturbed[-1].outcome()
    assert (hit["class"], hit["exit_code"]) == ("killed", 20)
    assert hit["cause"].startswith(f"rank {2 * nodes - 1}: the job was killed (SIGKILL)")
    if nodes == 2:
        assert disturbed[0].outcome()["class"] == "peer-lost"
    for job in disturbed:
        assert Again(limit=2).decide(job.outcome()["class"], job.outcome()["exit_code"]) is not None
    reached = disturbed[0].outcome()["checkpoint"]["step"]
    assert 1 <= reached < EPOCHS

    for job in (*disturbed, *undisturbed):
        job.start()
    assert finish((*disturbed, *undisturbed)) == [0] * 2 * nodes
    assert disturbed[0].outcome()["resumed_from_step"] == reached
    assert model(disturbed[0]) == model(undisturbed[0])
    assert metrics(disturbed[0])[-1] == metrics(undisturbed[0])[-1]
    assert [one["rank"] for job in undisturbed for one in job.outcome()["ranks"]] == list(range(2 * nodes))


def test_sigterm_gives_all_ranks_the_time_to_stop_together(training):
    (job,) = training(1)
    process = job.start()
    until((job.folder / "checkpoints" / "latest.json").exists, 60)
    process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    assert process.wait(20) == 12
    assert time.monotonic() - started < 10
    assert job.outcome()["class"] == "preempted"
    assert [one["exit_code"] for one in job.outcome()["ranks"]] == [0, 0]
