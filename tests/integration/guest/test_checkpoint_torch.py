"""What torch saves and loads by the SDK: the whole state of a training, and nothing that could run code."""

import json
import os
import subprocess

import pytest

# Cut off in the middle of an epoch: dropout, momentum, a scheduler, shuffled data, random numbers of all three.
PROGRAM = """
import json, os, pickle, random
import numpy, torch
from mlops_ci.guest.sdk import checkpoint, restore, resume, state

torch.set_num_threads(1)
data = torch.randn(12, 4, generator=torch.Generator().manual_seed(1))


def training(folder, until):
    os.environ["MLOPS_CHECKPOINT_DIR"] = folder
    for seed in (random.seed, numpy.random.seed, torch.manual_seed):
        seed(7)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.5)
    step, order = 0, []
    found = resume()
    if found is not None:
        for seed in (random.seed, numpy.random.seed, torch.manual_seed):
            seed(99)
        done = restore(found.load(), model=model, optimizer=optimizer, scheduler=scheduler)
        step, order = done["step"], done["order"]
        assert step == found.step
    drawn = []
    while step < until:
        if not order:
            order = torch.randperm(len(data)).tolist()
        batch, order = order[:5], order[5:]
        noise = random.random() + numpy.random.rand()
        optimizer.zero_grad()
        model(data[batch] + noise).square().mean().backward()
        optimizer.step()
        scheduler.step()
        step += 1
        drawn.append(noise)
        whole = dict(model=model, optimizer=optimizer, scheduler=scheduler)
        checkpoint(step, state(**whole, step=step, order=order))
    return [one.tolist() for one in model.state_dict().values()], scheduler.get_last_lr(), drawn


undisturbed = training("undisturbed", 10)
first = training("disturbed", 4)
second = training("disturbed", 10)
same = {"weights": second[0] == undisturbed[0], "rate": second[1] == undisturbed[1],
        "random numbers": first[2] + second[2] == undisturbed[2]}

# A checkpoint with a right digest that calls something when it is loaded.
class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)
os.environ["MLOPS_CHECKPOINT_DIR"] = "evil-checkpoints"
checkpoint(1, {"model": Evil()})
try:
    resume().load()
    same["refused"] = "loaded"
except pickle.UnpicklingError as error:
    same["refused"] = type(error).__name__
checkpoint(2, {"model": Evil()})
json.dump(same, open("said.json", "w"))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory, python_with_torch, zipapp):
    folder = tmp_path_factory.mktemp("state")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(zipapp)}
    argv = [python_with_torch, "-c", PROGRAM]
    done = subprocess.run(argv, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder, json.loads((folder / "said.json").read_text()), done.stderr


def test_a_training_goes_on_in_the_middle_of_an_epoch_as_if_it_had_never_ended(said):
    _, same, _ = said
    assert {name: same[name] for name in ("weights", "rate", "random numbers")} == dict.fromkeys(
        ("weights", "rate", "random numbers"), True
    )


def test_a_checkpoint_that_would_run_code_is_not_loaded(said):
    folder, same, _ = said
    assert same["refused"] == "UnpicklingError"
    assert not (folder / "evil").exists()


def test_one_that_could_not_be_loaded_again_is_told_when_it_is_saved(said):
    """And not hours later, when a resumed training would have to begin anew. Once, and good ones are not."""
    _, _, stderr = said
    (told,) = [line for line in stderr.splitlines() if line.startswith("mlops-ci: ")]
    assert told.startswith("mlops-ci: ! the checkpoint of step 1 holds more than load() takes")
    assert "mkdir" in told
