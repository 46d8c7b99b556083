"""The list of GPUs, from texts as NVIDIA's programs and driver write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_ci.engines.devices import allowed, driver_devices, parse_listing
from mlops_ci.guest.visible import Candidate

TWO = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-5a2f0f0e-0000-4000-8000-000000000001)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-5a2f0f0e-0000-4000-8000-000000000002)
"""
PARTITIONED = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-a)
  MIG 3g.20gb     Device  0: (UUID: MIG-1)
  MIG 3g.20gb     Device  1: (UUID: MIG-2)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-b)
"""


def test_whole_gpus():
    assert allowed(parse_listing(TWO), None) == (
        "GPU-5a2f0f0e-0000-4000-8000-000000000001",
        "GPU-5a2f0f0e-0000-4000-8000-000000000002",
    )


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (None, ("MIG-1", "MIG-2", "GPU-b")),
        ("0", ("MIG-1", "MIG-2")),
        ("1", ("GPU-b",)),  # an index counts GPUs, not their partitions
        ("GPU-a", ("MIG-1", "MIG-2")),
        ("MIG-2", ("MIG-2",)),
        ("MIG-2,MIG-1", ("MIG-2", "MIG-1")),
        ("MIG-3", ()),
    ],
)
def test_partitions_stand_for_the_gpu_that_was_split(shown: str | None, expected: tuple[str, ...]):
    assert allowed(parse_listing(PARTITIONED), shown) == expected


@pytest.mark.parametrize(
    "text", ["", "No devices were found\n", "NVIDIA-SMI has failed because it couldn't communicate"]
)
def test_no_gpus(text: str):
    assert parse_listing(text) == ()


def test_the_drivers_own_folder(tmp_path: Path):
    for address, uuid in (("0000:41:00.0", "GPU-22222222-aaaa"), ("0000:01:00.0", "GPU-11111111-aaaa")):
        (tmp_path / address).mkdir()
        text = f"Model: \t\t NVIDIA H100\nIRQ:   \t\t 45\nGPU UUID: \t {uuid}\nVideo BIOS: \t 96.00\n"
        (tmp_path / address / "information").write_text(text)
    (tmp_path / "0000:81:00.0").mkdir()
    (tmp_path / "0000:81:00.0" / "information").write_text("GPU UUID: \t GPU-????????-????-????-????-????????????\n")

    assert allowed(driver_devices(tmp_path), None) == ("GPU-11111111-aaaa", "GPU-22222222-aaaa")
    assert driver_devices(tmp_path / "missing") == ()


DEVICES = ("GPU-abc", "GPU-abd", "GPU-xyz")


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, DEVICES),
        ("", ()),
        ("2, 0", ("GPU-xyz", "GPU-abc")),
        ("0,7,1", ("GPU-abc",)),
        ("GPU-x", ("GPU-xyz",)),
        ("GPU-ab", ()),
        ("0,0", ()),
    ],
)
def test_the_callers_own_restriction_holds(visible: str | None, expected: tuple[str, ...]):
    gpus = tuple(Candidate(index, uuid) for index, uuid in enumerate(DEVICES))
    assert allowed(gpus, visible) == expected
