"""The digits example on a real GPU: what was used is recorded, and a killed training ends in the same weights."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from support.guest_job import GuestJob, until

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
EPOCHS = 12


@pytest.fixture
def digits(make_job, python_with_torch, tmp_path):
    """Makes jobs that train the example with this machine's torch."""
    data = tmp_path / "data"
    subprocess.run([python_with_torch, DIGITS / "fetch.py", "--to", data], check=True, capture_output=True)

    def make(**task: object) -> GuestJob:
        made = make_job(python=python_with_torch)
        shutil.copytree(DIGITS, made.folder / "work", dirs_exist_ok=True)
        command = f"{python_with_torch} train.py --data {data} --epochs {EPOCHS} --seed 3"
        made.task.update(
            commands=[{"name": "train", "command": command}], expect={"gpus": 1}, model={"allow_pickle": []},
            timeout=120, sample_seconds=0.2, **task,
        )  # fmt: skip
        return made

    return make


def weights(job: GuestJob) -> str:
    """The digest of the model that a job left."""
    return hashlib.sha256((job.folder / "model" / "model.safetensors").read_bytes()).hexdigest()


def test_a_training_on_a_gpu_names_it_and_a_killed_one_ends_in_the_same_weights(digits):
    whole = digits()
    code, shown = whole.run(limit=150)
    assert code == 0, shown
    outcome = whole.outcome()
    (used,) = outcome["device_details"]
    assert outcome["devices"] == [used["uuid"]]
    assert used["uuid"].startswith("GPU-")
    assert used["peak_memory_bytes"] > 2**27
    gpus = [row["gpus"][0] for row in whole.lines("system.jsonl") if row["gpus"]]
    assert max(one["utilization_percent"] for one in gpus) > 0
    assert all(one["power_watts"] > 0 and one["temperature_c"] > 0 for one in gpus)
    assert outcome["metrics"]["accuracy"] > 0.95

    broken = digits()
    process = broken.start()
    until(lambda: (broken.folder / "job" / "log.txt").is_file() and "epoch 5 of" in broken.log(), limit=60)
    process.kill()
    until(lambda: not broken.running(), limit=15)
    broken.end()
    code, shown = broken.run(limit=150)
    assert (code, broken.outcome()["resumed_from_step"] is not None) == (0, True), shown
    assert weights(broken) == weights(whole)
