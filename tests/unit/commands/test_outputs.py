"""What later jobs are told."""

from __future__ import annotations

import json

import pytest

from mlops_ci import pipeline
from mlops_ci.commands.outputs import LARGEST, of_run, result_json
from mlops_ci.redaction import Redactor
from support.run_folder import a_record, make_run

PLAN = {
    "trusted": True,
    "left_out": {"publish": "dry run", "promote": "dry run", "deploy": "dry run", "check": "no"},
    "runners": {"plan": ["ubuntu-latest"], "gpu": ["self-hosted", "gpu"]},
}


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path)


def test_plan_names_the_jobs_to_run_and_their_machines(run):
    run.write(a_record(run, "plan", outputs=PLAN))
    found = of_run(run, 0)
    assert json.loads(found["jobs"]) == ["plan", "build", "scan", "prepare", "train", "evaluate", "result", "database"]
    assert found["trusted"] == "true"
    assert json.loads(found["runner-gpu"]) == ["self-hosted", "gpu"]
    assert json.loads(found["runners"]) == PLAN["runners"]


@pytest.mark.parametrize(
    ("nodes", "cells"),
    [
        ({"gpu-01": ["gpu-01"], "big": ["a", "b"]}, [("gpu-01", ["gpu-01"]), ("big", ["a", "b"])]),
        (None, [("", ["self-hosted", "gpu"])]),
        ({}, []),
    ],
)
def test_plan_makes_the_matrix_of_what_fans_out(run, nodes, cells):
    without = {} if nodes != {} else dict.fromkeys(pipeline.NAMES[1:-1], "no machine")
    run.write(a_record(run, "plan", outputs={**PLAN, "nodes": nodes, "left_out": without}))
    found = of_run(run, 0)
    cell = json.loads(found["nodes"])["include"]
    assert [(one["node"], json.loads(one["labels"])) for one in cell] == cells
    assert ("train" in json.loads(found["jobs"])) == bool(cells), "an empty matrix never begins"


@pytest.mark.parametrize("variants", [[], ["cu126", "cu130"]])
def test_plan_makes_the_matrix_of_further_builds(run, variants):
    run.write(a_record(run, "plan", outputs={**PLAN, "variants": variants}))
    assert [one["variant"] for one in json.loads(of_run(run, 0)["variants"])["include"]] == ["", *variants]


def test_model_and_promotion(run):
    run.write(a_record(run, "publish", outputs={"model": {"name": "m", "version": "3"}}))
    run.write(a_record(run, "promote", outputs={"from": "2", "to": "3"}))
    found = of_run(run, 0)
    assert (found["model-version"], found["promoted"]) == ("3", "true")


def test_a_promotion_that_was_left_out_promoted_nothing(run):
    run.write(a_record(run, "promote", status="skipped"))
    assert of_run(run, 0)["promoted"] == "false"


def test_a_secret_never_becomes_an_output():
    redactor = Redactor()
    redactor.add("hunter22")
    facts = {"images": {"a": "sha256:1"}, "reason": "login hunter22 failed", "metrics": {"hunter22": 1}}
    assert json.loads(result_json(facts, redactor)) == {"images": {"a": "sha256:1"}, "reason": None, "metrics": {}}


def test_what_is_too_long_is_cut_and_said():
    facts = {"result": "passed", "metrics": {f"m{n}": n for n in range(40_000)}, "stages": {}}
    text = result_json(facts, Redactor())
    assert len(text) <= LARGEST
    assert json.loads(text) == {"result": "passed", "metrics": None, "stages": {}, "cut": ["metrics"]}


def test_it_is_one_line():
    assert "\n" not in result_json({"reason": "a\nb"}, Redactor())


def test_a_canary_that_plan_found_is_a_job_to_run(run):
    run.write(a_record(run, "plan", outputs={**PLAN, "canary": "next"}))
    assert json.loads(of_run(run, 0)["jobs"])[-1] == "canary"
