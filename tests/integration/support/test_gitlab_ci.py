"""The stand-in for GitLab: jobs are isolated, includes come from the bundle, exit codes are seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.gitlab_ci import and_always, expand, make_bundle, make_consumer, run_pipeline, try_again

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
    - test -e "$MARKER" || exit "$CODE"
    - echo done >second.txt
  artifacts: {paths: [second.txt]}
third:
  needs: [second]
  script: ["cat second.txt"]
last:
  needs: [first, second, third]
  when: always
  script: ["cat handed-on.txt", "test ! -e second.txt"]
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
    # GitLab would have run it: `third`, which it needs, was skipped.
    assert and_always(ended, "last", bundle).jobs == {"first": 0, "second": 2, "last": 0}
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


def test_a_job_is_tried_again_with_the_artifacts_of_those_before_it(tmp_path: Path, bundle: Path) -> None:
    marker = tmp_path / "marker"
    marker.touch()
    machine = {"MARKER": str(marker)}
    green = run_pipeline(make_consumer(tmp_path / "model", PIPELINE), bundle, machine=machine)
    assert {name: green.jobs[name] for name in ("first", "second", "third")} == dict.fromkeys(
        ("first", "second", "third"), 0
    ), green.output
    marker.unlink()
    again = try_again(green, "second", tmp_path / "again", bundle, machine=machine)
    assert again.jobs == {"second": 2}
    # Nothing of the first try of `second` reaches the last job.
    assert and_always(again, "last", bundle, machine=machine).jobs == {"second": 2, "last": 0}
