"""CUDA_VISIBLE_DEVICES, case by case: the CUDA C++ Programming Guide's rule, and PyTorch's reading of the rest."""

from __future__ import annotations

import pytest

from mlops_ci.guest.visible import Candidate, named, visible

FOUR = [Candidate(number, f"GPU-{uuid}") for number, uuid in enumerate(("8932f937", "8932aaaa", "1f22", "c0de"))]
SPLIT = [Candidate(0, "GPU-a", ("MIG-11", "MIG-12")), Candidate(1, "GPU-b"), Candidate(2, "GPU-c", ("MIG-2",))]


@pytest.mark.parametrize(
    ("shown", "places"),
    [
        (None, [0, 1, 2, 3]),
        ("", []),
        ("-1", []),
        ("none", []),
        ("NoDevFiles", []),
        ("2,1", [2, 1]),  # the guide's own: device 2 is enumerated before device 1
        ("0,2,-1,1", [0, 2]),  # the guide's own: those before the invalid one
        ("0,4,1", [0]),
        ("0,,1", [0]),
        (" 1, 2", [1, 2]),
        ("1gpu2,2ampere", [1, 2]),
        ("+3", [3]),
        ("0,0", []),
        ("3,1,3", []),
        ("0,9,0", []),
        ("0,-1,0", [0]),
        ("GPU-8932f937", [0]),
        ("GPU-8932f", [0]),
        ("GPU-8932", []),  # two GPUs begin so
        ("GPU-c,GPU-1", [3, 2]),
        ("GPU-c,GPU-zz,GPU-1", [3]),
        ("GPU-c,GPU-c0", []),  # the same GPU twice
        ("GPU-c,0", [3]),
        ("0,GPU-c", [0]),
        ("8932f937", []),
        ("gpu-c0de", []),
    ],
)
def test_whole_gpus(shown, places):
    assert [one.place for one in named(shown, FOUR)] == places
    assert visible(shown, FOUR) == named(shown, FOUR)


@pytest.mark.parametrize(
    ("shown", "meant", "seen"),
    [
        ("MIG-12", [(0, "MIG-12")], 1),
        ("MIG-2,MIG-11", [(2, "MIG-2"), (0, "MIG-11")], 1),
        ("MIG-1", [], 0),
        ("MIG-11,MIG-11", [], 0),
        ("MIG-12,GPU-b", [(0, "MIG-12")], 1),
        ("MIG-77,MIG-12", [], 0),
        ("MIG-GPU-c/1/0", [(2, "MIG-GPU-c/1/0")], 1),
        ("MIG-GPU-x/1/0", [], 0),
        ("GPU-a,GPU-b", [(0, ""), (1, "")], 2),
        ("1,0", [(1, ""), (0, "")], 2),
    ],
)
def test_partitions(shown, meant, seen):
    assert [(one.place, one.part) for one in named(shown, SPLIT)] == meant
    assert visible(shown, SPLIT) == named(shown, SPLIT)[:seen]


def test_a_gpu_that_is_lost_leaves_the_others_their_numbers():
    assert [one.place for one in named("3,2", [FOUR[0], FOUR[3]])] == [1]


def test_partitions_of_which_the_driver_tells_nothing_may_be_on_any_gpu():
    assert [one.place for one in visible("MIG-77", FOUR)] == [0, 1, 2, 3]
    assert visible("MIG-GPU-c0de/7/0", FOUR)[0].place == 3
