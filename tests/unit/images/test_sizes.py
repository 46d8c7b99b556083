"""Sizes of layers from those of images, the overhead over wheels, budgets, and differences of two builds."""

import pytest

from mlops_ci.images.difference import different_files, different_layers
from mlops_ci.images.look import Inventory, Package
from mlops_ci.images.sizes import ImageTooBigError, check_budget, layer_sizes


def inside(wheels: int, bytecode: int) -> Inventory:
    return Inventory(
        **dict.fromkeys(("setid", "caches", "host_keys", "private_keys", "drivers", "passwords"), ()),
        packages=(Package(name="torch", version="1", bytes=wheels),) if wheels else (),
        bytes=1,
        bytecode=bytecode,
        count=1,
        files={},
    )


def test_each_layer_is_what_it_adds() -> None:
    totals = {"base:1": 100, "torch:1": 1160, "train:1": 1171}
    base, torch, train = layer_sizes(
        ["base", "torch", "train"],
        list(totals),
        [None, inside(1000, 50), inside(1010, 51)],
        unpacked=list(totals.values()),
        packed={"base:1": 40, "torch:1": 340},
        budgets={"torch": 1000},
    )
    assert (base.unpacked, base.overhead, base.packed, base.over) == (100, None, 40, False)
    assert (torch.unpacked, torch.wheels, torch.bytecode, torch.packed, torch.over) == (1060, 1000, 50, 300, True)
    assert torch.overhead == pytest.approx(1.01)
    assert (train.unpacked, train.wheels, train.packed) == (11, 10, None)


def test_beyond_its_budget_a_layer_fails_the_build() -> None:
    check_budget("torch", 10, None)
    check_budget("torch", 10, 10)
    with pytest.raises(ImageTooBigError, match="the layer torch holds 11 MB, and its budget in the catalogue is 10 MB"):
        check_budget("torch", 11_000_000, 10_000_000)


def test_layers_that_differ_are_named_by_position() -> None:
    assert different_layers(["a", "b", "c"], ["a", "x", "c", "d"]) == (1, 3)
    assert different_layers(["a"], ["a"]) == ()


def test_files_that_differ_say_in_what() -> None:
    one = {"/a": ["0o644", 0, 0, 1, 5, "aa"], "/b": ["0o644", 0, 0, 1, 5, "bb"], "/c": ["0o644", 0, 0, 1, 5, "c"]}
    other = {"/a": ["0o644", 0, 0, 1, 6, "ab"], "/b": ["0o644", 0, 0, 1, 5, "bb"], "/d": ["0o644", 0, 0, 1, 5, "d"]}
    assert [(file.path, file.what) for file in different_files(one, other)] == [
        ("/a", "time, content"),
        ("/c", "only in the first"),
        ("/d", "only in the second"),
    ]
