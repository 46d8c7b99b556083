"""The stand-in for GitLab: jobs are isolated, includes come from the bundle, exit codes are seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.gitlab_ci import expand, make_bundle, make_consumer, run_pipeline

INCLUDED = """\
spec:
  inputs:
    word: {description: what the first job hands on}
    count: {type: number, default: 2}
---
first:
  stage: test
  image: nothing-is-pulled:1
  variables: {WORD: "$[[ inputs.word ]]"}
  script:
    - test -z "$(git status --porcelain)"
    - printf '%s\\n' "$WORD" >handed-on.txt
    - echo "CODE=$[[ inputs.count ]]" >values.env
    - touch left-behind
  artifacts:
    paths: [handed-on.txt]
    reports: {dotenv: values.env}
second:
  needs: [first]
  script:
    - test ! -e left-behind
    - cat handed-on.txt
    - exit "$CODE"
"""
PIPELINE = """\
include:
  - {project: org/mlops-ci, ref: v1, file: ci/included.yml, inputs: {word: "it's"}}
"""


@pytest.fixture
def bundle(tmp_path: Path, gitlab_ci_local: None) -> Path:
    return make_bundle(tmp_path / "bundle", files={"ci/included.yml": INCLUDED})


def test_jobs_are_isolated_and_hand_on_only_their_artifacts(tmp_path: Path, bundle: Path) -> None:
    consumer = make_consumer(tmp_path / "model", PIPELINE)
    ended = run_pipeline(consumer, bundle)
    assert ended.jobs == {"first": 0, "second": 2}, ended.output
    assert ended.exit_code == 1
    assert (ended.artifacts("first") / "handed-on.txt").read_text() == "it's\n"
    assert "it's" in ended.log("second")


def test_a_variable_reaches_every_job(tmp_path: Path, bundle: Path) -> None:
    consumer = make_consumer(tmp_path / "model", PIPELINE)
    ended = run_pipeline(consumer, bundle, variables={"WORD": "other"})
    assert "other" in ended.log("second")


def test_expanding_fills_in_the_inputs(tmp_path: Path, bundle: Path) -> None:
    consumer = make_consumer(tmp_path / "model", PIPELINE)
    assert "WORD: it's" in expand(consumer, bundle)
    (consumer / ".gitlab-ci.yml").write_text(PIPELINE.replace("word:", "sword:"))
    with pytest.raises(AssertionError, match="required value has not been provided"):
        expand(consumer, bundle)
