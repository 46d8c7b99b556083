"""Merge requests, executed: what is not merged is planned as a dry run, and nothing of a fork is run."""

from __future__ import annotations

import json
import re
from pathlib import Path

from support.gitlab_ci import CONSUMER_PROJECT, Pipeline
from support.project import CONFIG

from .conftest import Site

MERGE_REQUEST = {
    "CI_PIPELINE_SOURCE": "merge_request_event",
    "CI_COMMIT_BRANCH": "",
    "CI_MERGE_REQUEST_PROJECT_PATH": CONSUMER_PROJECT,
}
OVERLAY = CONFIG + "\n[mode.pr.train]\nparams = {epochs = 1}\n"


def planned_run(done: Pipeline) -> tuple[dict, dict]:
    assert done.jobs == {"mlops-plan": 0}, done.output
    (folder,) = (done.artifacts("mlops-plan") / ".mlops" / "handover").glob("plan-*/files/runs/*")
    return json.loads((folder / "run.json").read_text()), json.loads((folder / "records" / "plan.json").read_text())


def test_a_merge_request_is_a_dry_run_in_the_mode_pr(site: Site, tmp_path: Path) -> None:
    own = {**MERGE_REQUEST, "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": CONSUMER_PROJECT}
    done = site.run(tmp_path, "mlops-plan", config=OVERLAY, variables=own)
    info, plan = planned_run(done)
    assert info["mode"] == "pr"
    assert plan["outputs"]["trusted"] is True
    assert {name: why for name, why in plan["outputs"]["left_out"].items() if "dry run" in why}.keys() == {
        "publish",
        "promote",
    }
    assert re.search(r"params\.epochs +=  *1 ", done.log("mlops-plan"))


def test_the_default_branch_is_a_dry_run_where_that_is_asked_for(site: Site, tmp_path: Path) -> None:
    """`false` is what the input is in all pipelines that publish."""
    info, plan = planned_run(site.run(tmp_path, "mlops-plan", "--input", "dry-run=true"))
    assert info["mode"] == "main"
    assert "publish" in plan["outputs"]["left_out"]


def test_nothing_of_a_fork_is_fetched_or_run(site: Site, tmp_path: Path) -> None:
    fork = {**MERGE_REQUEST, "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "fork/model"}
    done = site.run(tmp_path, variables=fork)
    assert (done.exit_code, done.jobs) == (1, {"mlops-fork": 4})
    assert "comes from a fork: nothing of it was run" in done.log("mlops-fork")
    assert "git" not in done.log("mlops-fork")
