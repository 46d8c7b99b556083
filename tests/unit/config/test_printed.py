"""What a script prints, read from its text: metrics with an expression that finds them, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlops_ci.config.guess import guess
from mlops_ci.config.printed import printed_metrics
from mlops_ci.config.template import render

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("code", "shown", "wanted"),
    [
        ('print(f"loss: {loss:.4f}")', "loss: 0.1250", {"loss": "0.1250"}),
        (
            'print(f"epoch {e} loss: {a} accuracy: {b}")',
            "epoch 3 loss: 1e-05 accuracy: 0.9",
            {"loss": "1e-05", "accuracy": "0.9"},
        ),
        (
            'print(f"epoch={e} val_loss={a:.3f}, F1 = {b}")',
            "epoch=3 val_loss=0.125, F1 = 0.5",
            {"val_loss": "0.125", "F1": "0.5"},
        ),
        ('print("loss:", loss)', "loss: -0.5", {"loss": "-0.5"}),
        (
            'if x:\n    print(f"{name} done, test/acc: {a:.1%}", flush=True)',
            "a done, test/acc: 98.3%",
            {"test/acc": "98.3"},
        ),
    ],
)
def test_a_printed_metric_is_found_by_its_expression(code, shown, wanted):
    found = printed_metrics(code)
    assert {name: re.search(form, shown)[1] for name, form in found.items()} == wanted


@pytest.mark.parametrize(
    "code",
    [
        "",
        'print("loss: 0.5")',
        'print(f"device: {device} seed: {seed} path={path}")',
        'print(f"loss {loss}")',
        'log(f"loss: {loss}")',
        'print(f"loss: {a}")\nprint(f"loss = {b}")',
        "def broken(:\n",
        "x = " + "(" * 500,
        "\x00",
    ],
)
def test_what_is_unclear_is_left_to_the_user(code):
    assert printed_metrics(code) == {}


def test_a_name_within_a_name_is_not_taken_for_it():
    (form,) = printed_metrics('print(f"loss: {a}")').values()
    assert re.search(form, "val_loss: 0.5") is None


def test_the_metrics_of_the_example_reach_the_new_file(tmp_path):
    (tmp_path / "train.py").write_text((ROOT / "examples" / "plain" / "train.py").read_text())
    text = render("plain", None, guess(tmp_path))
    assert r"metrics = { loss = '\bloss: ([\d.eE+-]+)', accuracy = '\baccuracy: ([\d.eE+-]+)' }" in text
