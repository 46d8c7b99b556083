"""`mlops-ci run --as-planned`: for CI systems whose jobs start before plan has decided which of them have work."""

from __future__ import annotations

from pathlib import Path

from support.cli import call, records
from support.project import head, make_project

# A merge request from a fork, in the fork's own project: plan leaves out what needs trust.
FORK = {
    "MLOPS_CI_PROVIDER": "gitlab",
    "MLOPS_CI_ENGINE": "host",
    "CI_PIPELINE_SOURCE": "merge_request_event",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "fork/model",
    "CI_MERGE_REQUEST_PROJECT_PATH": "org/model",
}
BASE = "CI_MERGE_REQUEST_DIFF_BASE_SHA"


def test_stages_that_plan_left_out_are_noted_and_not_run(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    fork = {**FORK, BASE: head(project)}
    assert call(project, "run", "plan", environment=fork).exit_code == 0
    done = call(project, "run", "verify", "train", "--only", "--run", "latest", "--as-planned", environment=fork)
    assert done.exit_code == 0, done.said
    found = records(project)
    assert {name: record["status"] for name, record in found.items()} == {
        "plan": "passed",
        "verify": "skipped",
        "train": "skipped",
    }
    assert found["train"]["reason"] == found["plan"]["outputs"]["left_out"]["train"]
    assert "the fork fork/model" in found["train"]["reason"]


def test_what_plan_did_not_leave_out_runs(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    trusted = {**FORK, BASE: head(project), "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "org/model"}
    assert call(project, "run", "plan", environment=trusted).exit_code == 0
    done = call(project, "run", "verify", "--only", "--run", "latest", "--as-planned", environment=trusted)
    assert done.exit_code != 0
    assert records(project)["verify"]["status"] == "failed"
