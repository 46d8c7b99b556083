"""The answer of `mlops-ci reproduce`, for people and for programs."""

from __future__ import annotations

import json
import math

import pytest

from mlops_ci.commands.reproduction_answer import as_json, as_text, carried_out, not_carried_out
from mlops_ci.gates.repeated import Tolerances, repeated_digest, repeated_metrics, worst
from mlops_ci.stages.reproduction_inputs import Input

COMMIT = Input(name="commit", status="same", value="c" * 40)
GONE = Input(name="data", status="gone", value="d" * 64, why="data: there is no such folder")
TOLERANCES = Tolerances(relative=0.01, absolute=1e-9, metrics={"speed": math.inf})


def answer(before, after):
    found = (repeated_digest("data", "data", "1", "1"), *repeated_metrics(before, after, TOLERANCES))
    return carried_out("first", "second", (COMMIT,), found, worst(found))


@pytest.mark.parametrize(
    ("after", "verdict", "code"), [(1.0, "equal", 0), (1.001, "within-tolerance", 0), (2.0, "different", 1)]
)
def test_the_exit_code_follows_the_worst_result(after, verdict, code):
    found = answer({"loss": 1.0}, {"loss": after})
    assert (found.verdict, found.exit_code) == (verdict, code)


def test_what_could_not_be_carried_out_is_4_unless_the_machine_says_otherwise():
    assert not_carried_out("first", "why").exit_code == 4
    assert not_carried_out("first", "why", exit_code=10).exit_code == 10


def test_the_text_names_both_runs_every_result_and_the_tolerance():
    text = as_text(answer({"loss": 1.0, "speed": 1.0}, {"loss": 1.001, "speed": 9.0}))
    first, *rest = text.splitlines()
    assert first == "WITHIN TOLERANCE: run first again as run second"
    assert rest[0] == "✓ input commit  same ccccccccccccccccccc"
    assert "✓ data: equal 1" in rest
    assert "≈ metric loss: within tolerance 1 → 1.001 (relative: 0.000999 away, tolerance 0.01)" in rest
    assert "≈ metric speed: within tolerance 1 → 9 (relative: 0.889 away, tolerance any)" in rest


def test_an_input_that_is_gone_is_named_with_the_reason():
    text = as_text(not_carried_out("first", "its data is gone", inputs=[COMMIT, GONE]))
    assert text.startswith("COULD NOT BE REPEATED: run first\n  its data is gone\n")
    assert "✗ input data    gone ddddddddddddddddddd: data: there is no such folder" in text


def test_the_json_is_json_whatever_the_tolerances():
    found = as_json(answer({"speed": 1.0}, {"speed": 9.0}))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["schema"], found["run"], found["reproduction"]) == ("mlops-ci/reproduction/1", "first", "second")
    assert found["results"][1]["tolerance"] is None
