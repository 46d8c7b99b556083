"""The tables [sweep] and [smoke]: what makes sense in them."""

from __future__ import annotations

import pytest

TRAIN = '[train]\ncommand = "python train.py --lr {params.lr}"\n'


@pytest.mark.parametrize(
    ("lines", "on"),
    [
        ('values = {lr = [0.1, 1, "a", true]}\nmetric = "loss"\n', True),
        ('method = "random"\nranges = {lr = "1e-4 to 1e-1 log"}\nmetric = "loss"\n', True),
        ("values = {lr = [0.1]}\nenabled = false\n", False),
    ],
)
def test_a_swept_parameter_is_one_that_the_command_may_name(folder, lines, on):
    found = folder.load(f"{TRAIN}[sweep]\n{lines}").tables.sweep
    assert found.on == on
    assert found.names == ("lr",)


def test_a_mode_can_do_without_the_sweep(folder):
    text = f'{TRAIN}[sweep]\nvalues = {{lr = [0.1]}}\nmetric = "loss"\n[mode.pr.sweep]\nenabled = false\n'
    assert folder.load(text).tables.sweep.on
    assert not folder.load(text, mode="pr").tables.sweep.on


@pytest.mark.parametrize(
    ("lines", "at", "message"),
    [
        ('ranges = {lr = "1 to 2"}\nmetric = "x"\n', "ranges", "a grid has values only"),
        ('method = "random"\nranges = {lr = "2 to 1"}\nmetric = "x"\n', "ranges.lr", "below the second"),
        ('method = "random"\nranges = {lr = "some"}\nmetric = "x"\n', "ranges.lr", "expected a range such as"),
        ('values = {lr = []}\nmetric = "x"\n', "values.lr", "no value to try"),
        ('values = {"l r" = [1], lr = [1]}\nmetric = "x"\n', 'values."l r"', "a parameter's name"),
        ("values = {lr = [1]}\n", "method", "needs `metric`"),
        (
            'method = "random"\nvalues = {lr = [1]}\nranges = {lr = "1 to 2"}\nmetric = "x"\n',
            "ranges.lr",
            "keep one of them",
        ),
    ],
)
def test_what_makes_no_sense_is_told_where_it_stands(folder, lines, at, message):
    problems = folder.problems(f"{TRAIN}[sweep]\n{lines}")
    assert any(f"[sweep] {at}" in one and message in one for one in problems), problems


def test_a_sweep_is_one_of_a_single_node(folder):
    text = f'{TRAIN}nodes = 2\nrendezvous = "n:29400"\n[sweep]\nvalues = {{lr = [1]}}\nmetric = "x"\n'
    assert any("sweep on one node" in one for one in folder.problems(text))
