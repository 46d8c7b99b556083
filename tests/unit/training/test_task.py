"""The task of a training: how many processes, and who leaves the model."""

import pytest

from mlops_ci.settings.train import TrainSettings
from mlops_ci.training.task import train_task


def task(gpus=0, **settings):
    return train_task(run="r", settings=TrainSettings(command="python train.py", **settings), gpus=gpus)


@pytest.mark.parametrize(
    ("gpus", "settings", "processes", "backend"),
    [
        (0, {}, 1, "gloo"),
        (1, {}, 1, "nccl"),
        (4, {}, 4, "nccl"),
        (4, {"processes": 1}, 1, "nccl"),
        (0, {"processes": 2}, 2, "gloo"),
    ],
)
def test_one_process_for_each_gpu_unless_told_otherwise(gpus, settings, processes, backend):
    launch = task(gpus, **settings)["launch"]
    assert (launch["processes"], launch["backend"]) == (processes, backend)


def test_only_the_first_node_leaves_a_model():
    several = {"nodes": 2, "rendezvous": "n0:29400", "allow_pickle": ("m.pt",)}
    first, second = task(**several), task(**several, node=1)
    assert first["model"] == {"allow_pickle": ["m.pt"]}
    assert second["model"] is None
    assert second["launch"] == {
        "processes": 1,
        "nodes": 2,
        "node": 1,
        "rendezvous": "n0:29400",
        "backend": "gloo",
    }
