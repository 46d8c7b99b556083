"""The examples do what they promise, started by the guest with the commands of their own mlops.toml."""

import csv
import json
import os
import shutil
import signal
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_ci.gates.decide import decide
from mlops_ci.gates.predictions import read_predictions
from mlops_ci.records.evaluate import Champion
from mlops_ci.settings.evaluate import EvaluateSettings
from mlops_ci.settings.smoke import SmokeSettings
from mlops_ci.training.smoke import Resumed, judge, read_seen
from support.guest_job import until

EXAMPLES = Path(__file__).parents[3] / "examples"
ACCURACY = 0.95


def settings(name):
    return tomllib.loads((EXAMPLES / name / "mlops.toml").read_text())


@pytest.fixture
def example(make_job, python_with_torch):
    """A job in a copy of an example, with the example's own parameters."""

    def make(name, stage, *commands, **task):
        job = make_job(python=python_with_torch)
        shutil.copytree(EXAMPLES / name, job.folder / "work", dirs_exist_ok=True)
        train = settings(name)["train"]
        job.task.update(
            stage=stage, params=train["params"], seed=train.get("seed", 0), metrics=train.get("metrics", {})
        )
        job.task.update(commands=[{"name": stage, "command": command} for command in commands], **task)
        return job

    return make


@pytest.fixture(scope="module")
def digits_data(tmp_path_factory, python_with_torch):
    folder = tmp_path_factory.mktemp("digits") / "data"
    subprocess.run([python_with_torch, EXAMPLES / "digits" / "fetch.py", "--to", folder], check=True)
    return folder


@pytest.fixture
def digits(example, digits_data):
    def make(stage, command, **task):
        job = example("digits", stage, command, **task)
        job.task["paths"]["data"] = str(digits_data)
        return job

    return make


@pytest.fixture
def train(digits):
    return lambda: digits("train", settings("digits")["train"]["command"], model={"allow_pickle": []})


@pytest.fixture(scope="module")
def known():
    """What an earlier test of this module has found out."""
    return {}


@pytest.fixture
def undisturbed(train, known):
    """The weights of a training that nothing disturbs."""
    if "weights" not in known:
        job = train()
        assert job.run()[0] == 0
        known["weights"] = model_of(job)
    return known["weights"]


def model_of(job):
    files = {one["path"]: one["sha256"] for one in job.outcome()["model"]["files"]}
    return files["model.safetensors"]


def test_digits_fetches_the_same_bytes_each_time(example, digits_data):
    job = example("digits", "prepare", settings("digits")["data"]["fetch"])
    assert job.run()[0] == 0
    for name in ("images.npy", "labels.npy"):
        assert (job.folder / "work" / "outputs" / name).read_bytes() == (digits_data / name).read_bytes()


def test_the_tests_of_digits_pass(example):
    job = example("digits", "check", *settings("digits")["check"]["commands"])
    code, shown = job.run()
    assert code == 0, shown
    assert "5 passed" in shown


MISTAUGHT = """
import shutil, sys
import numpy
shutil.copytree(sys.argv[1], sys.argv[2])
labels = numpy.load(sys.argv[2] + "/labels.npy")
labels[labels == 3] = 8
numpy.save(sys.argv[2] + "/labels.npy", labels)
"""


def scored(folder):
    """The metrics and the predictions that an evaluation left, with the digit itself as a column."""
    rows = read_predictions(folder / "predictions.csv")
    metrics = json.loads((folder / "metrics.json").read_text())
    return metrics, [replace(row, columns={"digit": row.target}) for row in rows]


def judged(ours, theirs, **rule):
    """The decision on two trained models."""
    return decide(
        EvaluateSettings(metric="accuracy", command="x", **rule),
        challenger=ours[0],
        champion=Champion(name="digits", version="1", metrics={}, data_digest=None),
        champion_metrics=theirs[0],
        same_data=True,
        predictions=(ours[1], theirs[1]),
    )


def test_digits_trains_evaluates_and_repeats_bit_for_bit(
    train, digits, digits_data, python_with_torch, tmp_path, known
):
    first, second = train(), train()
    assert first.run()[0] == 0
    outcome = first.outcome()
    assert outcome["seconds"] < 60
    assert outcome["devices"] == ["cpu"]
    assert [row["step"] for row in first.lines("metrics.jsonl")] == list(range(1, 9))
    assert set(outcome["metrics"]) == {"loss", "accuracy"}
    assert [one["path"] for one in outcome["model"]["files"]] == [
        "config.json",
        "model.safetensors",
        "parity.json",
    ]
    assert outcome["checkpoint"]["step"] == 8

    evaluation = digits("evaluate", settings("digits")["evaluate"]["command"])
    evaluation.task["paths"]["model"] = str(first.folder / "model")
    assert evaluation.run()[0] == 0
    output = evaluation.folder / "work" / "outputs"
    metrics = json.loads((output / "metrics.json").read_text())
    assert metrics["accuracy"] >= ACCURACY
    assert 0 <= metrics["parity"] < 1e-5
    rows = list(csv.DictReader((output / "predictions.csv").read_text().splitlines()))
    assert set(rows[0]) == {"id", "target", "prediction", "confidence"}
    assert len({row["id"] for row in rows}) == len(rows) == 361
    assert sum(row["target"] == row["prediction"] for row in rows) / len(rows) >= ACCURACY

    assert second.run()[0] == 0
    assert model_of(second) == model_of(first)
    known["weights"] = model_of(first)

    # One that was taught that a 3 is an 8: worse on the whole, and far worse where it matters.
    blind, folder = train(), tmp_path / "blind"
    subprocess.run([python_with_torch, "-c", MISTAUGHT, digits_data, folder], check=True)
    blind.task["paths"]["data"] = str(folder)
    blind.task["params"] = {**blind.task["params"], "epochs": 3}
    assert blind.run()[0] == 0
    scoring = digits("evaluate", settings("digits")["evaluate"]["command"])
    scoring.task["paths"]["model"] = str(blind.folder / "model")
    assert scoring.run()[0] == 0
    good, bad = scored(output), scored(scoring.folder / "work" / "outputs")
    for ours, theirs, rule, verdict, why in (
        (bad, good, {}, "keep", "worse than the champion by"),
        (good, good, {}, "keep", "equal to the champion, which stays"),
        (good, bad, {}, "promote", "better than the champion by"),
        (bad, good, {"margin": 0.3, "slices": ("digit",)}, "review", "where digit is '3'"),
    ):
        decision = judged(ours, theirs, **rule)
        assert (decision.verdict, why in decision.why) == (verdict, True), decision.why


@pytest.mark.parametrize("how", ["kill -9 of the training", "SIGTERM"])
def test_digits_resumes_and_ends_in_the_same_bits(train, undisturbed, how):
    disturbed = train()
    process = disturbed.start()
    until((disturbed.folder / "checkpoints" / "latest.json").exists, 60)
    if how == "SIGTERM":
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 12
        assert disturbed.outcome()["class"] == "preempted"
    else:
        (trainer,) = (one.pid for one in disturbed.running() if "train.py" in one.command)
        os.kill(trainer, signal.SIGKILL)
        assert process.wait(20) == 20
        assert disturbed.outcome()["class"] == "killed"
    reached = disturbed.outcome()["checkpoint"]["step"]
    disturbed.end()
    assert 1 <= reached < 8

    assert disturbed.run()[0] == 0
    assert disturbed.outcome()["resumed_from_step"] == reached
    assert model_of(disturbed) == undisturbed


def test_plain_knows_nothing_of_us_and_works(example):
    job = example("plain", "train", settings("plain")["train"]["command"], model={"allow_pickle": []})
    assert "mlops" not in (EXAMPLES / "plain" / "train.py").read_text()
    code, shown = job.run()
    assert code == 0, shown
    outcome = job.outcome()
    assert outcome["metrics"]["accuracy"] >= max(ACCURACY, settings("plain")["evaluate"]["floor"])
    assert [row["step"] for row in job.lines("metrics.jsonl") if "loss" in row] == list(range(1, 21))
    assert [one["path"] for one in outcome["model"]["files"]] == ["model.safetensors"]
    assert outcome["warnings"] == []
    assert outcome["seconds"] < 60


BROKEN = """
import torch
weight = torch.nn.Parameter(torch.ones(4))
optimizer = torch.optim.SGD([weight], lr=0.1)
for step in range(1000):
    loss = ((weight - 3) ** 2).sum() * (float("nan") if step == 2 else 1.0)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("never reached")
"""


def test_a_smoke_run_of_digits_passes_and_one_that_cannot_work_says_why(train, example, make_job, python_with_torch):
    """Two starts of a script that resumes; and one that knows nothing of us, ended out of its optimiser's step."""
    first, second = train(), train()
    for job, steps, patience in ((first, 20, 100), (second, 1, 1)):
        job.task.update(model=None, smoke={"steps": steps, "patience": patience})
        job.task["paths"]["checkpoints"] = str(first.folder / "checkpoints")
        code, shown = job.run()
        assert code == 0, shown
    resumed = Resumed(seen=seen_by(second), step=second.outcome()["resumed_from_step"], had_checkpoint=True)
    assert [one.status for one in judge(SmokeSettings(), seen_by(first), (), resumed)] == ["PASS"] * 3
    assert (resumed.step, resumed.seen.steps) == (1, 1)

    broken = make_job(python=python_with_torch)
    broken.script(BROKEN)
    broken.task["smoke"] = {"steps": 5, "patience": 9}
    code, shown = broken.run()
    assert code == 0, shown
    assert "never reached" not in shown
    found = {one.id: one for one in judge(SmokeSettings(), seen_by(broken), (), None)}
    assert (found["loss"].status, found["loss"].why) == ("FAIL", "the loss is not finite at step 3")
    assert "step 3: parameter 0 of group 0 (shape [4])" in found["gradients"].why
    assert found["checkpoint"].status == "SKIP"


def seen_by(job):
    return read_seen(job.folder / "job" / "smoke.json")
