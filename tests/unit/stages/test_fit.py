"""What plan says of a build of PyTorch and the GPUs of this machine."""

import pytest

from mlops_ci.engines.local_gpus import LocalGpu, read_gpus
from mlops_ci.guest.health.compatibility import published
from mlops_ci.stages.fit import misfits

V100 = LocalGpu(name="Tesla V100-SXM2-16GB", capability=(7, 0), driver="535.183.01")
H100 = LocalGpu(name="NVIDIA H100 80GB HBM3", capability=(9, 0), driver="580.65.06")
B5090 = LocalGpu(name="NVIDIA GeForce RTX 5090", capability=(12, 0), driver="580.65.06")


@pytest.mark.parametrize(
    ("torch", "cuda", "gpus", "notes"),
    [
        ("2.13", "13.0", (H100, H100), []),
        ("2.13", None, (V100,), []),
        ("2.13", "13.0", (), []),
        (
            "2.13",
            "13.0",
            (V100, V100),
            ["driver 535.183.01 cannot run CUDA 13.0: take cu126, or update the driver"],
        ),
        ("2.13", "12.6", (B5090,), ["torch 2.13 with CUDA 12.6 has no code for NVIDIA GeForce RTX 5090: take cu130"]),
        (
            "2.15",
            "13.0",
            (V100,),
            ["driver 535.183.01 cannot run CUDA 13.0: no build of this torch fits, or update the driver"],
        ),
    ],
)
def test_builds_that_do_not_fit_are_told_with_one_that_does(torch, cuda, gpus, notes):
    assert misfits(torch, cuda, gpus, offered=published(torch)) == notes


def test_only_what_the_catalogue_offers_is_advised():
    (note,) = misfits("2.13", "12.6", (B5090,), offered=["12.6", "13.0"])
    assert note.endswith("take cu130")


def test_a_driver_that_has_dropped_the_gpu_is_told():
    lost = LocalGpu(name="Tesla V100-SXM2-16GB", capability=(7, 0), driver="595.10")
    assert misfits("2.13", "12.6", (lost,), offered=["12.6"]) == [
        "driver 595.10 has dropped Maxwell, Pascal and Volta (Tesla V100-SXM2-16GB): install a driver 580"
    ]


def test_what_nvidia_smi_says():
    text = "NVIDIA H100 80GB HBM3, 9.0, 580.65.06\n[Unknown Error], ERR!, 580.65.06\n\nx\n"
    assert read_gpus(text) == (H100,)
