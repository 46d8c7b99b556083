"""A night of several jobs: the one that plans leaves the start, the last one the end, each a process of its own."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mlops_ci.nightly.stamps import Stamps
from mlops_ci.stores.open import open_store
from support.cli import call
from support.project import make_project

JOBS = ("build", "scan", "prepare", "train", "evaluate", "publish", "promote")


@pytest.fixture
def job(tmp_path):
    """Runs a command as a job of GitHub's on the same checkout; the store is not the machine's."""
    project = make_project(tmp_path / "project")
    for name in ("output", "summary"):
        (tmp_path / name).touch()
    settings = {
        "MLOPS_CI_PROVIDER": "github",
        "MLOPS_CI_ENGINE": "host",
        "MLOPS_CI_MODE": "nightly",
        "MLOPS_CI_PUBLISH__STORE": str(tmp_path / "store"),
        "MLOPS_CI_TRACKING__URI": "http://127.0.0.1:9",
        "GITHUB_EVENT_NAME": "schedule",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }
    return lambda *arguments, **more: call(project, *arguments, environment={**settings, **more})


@pytest.fixture
def stamps(tmp_path):
    return Stamps(store=open_store(str(tmp_path / "store")), project="mean", mode="nightly")


def needs(plan="success", **ends):
    return json.dumps({"plan": {"result": plan}, **{name: {"result": ends.get(name, "skipped")} for name in JOBS}})


def test_the_first_job_leaves_the_start_and_the_last_one_the_end(job, stamps):
    planned = job("run", "plan", "--only")
    assert planned.exit_code == 0, planned.said
    begun = stamps.read()
    assert (begun.started is not None, begun.ended) == (True, None)

    ended = job("result", "--file", "nightly", MLOPS_CI_NEEDS=needs(build="failure"))
    assert ended.exit_code == 10, ended.said
    found = stamps.read()
    assert (found.ended.result, found.ended.exit_code, found.succeeded) == ("failed", 10, None)
    assert found.ended.run == found.started.run
    assert found.ended.started_at == found.started.at
    assert set(found.ended.parts) == {"data", "code", "image", "base image", "settings"}

    # Had it ended well, the next night would have nothing to do, and would be no success of its own.
    success = replace(found.ended, result="passed", exit_code=0)
    stamps.end(success)
    again = {"MLOPS_CI_NIGHTLY__END_WITHIN": "11h"}
    planned = job("run", "plan", "--only", **again)
    assert planned.exit_code == 0, planned.said
    assert "nothing is new" in planned.stderr
    ended = job("result", "--file", "nightly", "--json", MLOPS_CI_NEEDS=needs(), **again)
    assert ended.exit_code == 0, ended.said
    facts = json.loads(ended.stdout)
    assert facts["result"] == "skipped"
    assert success.run in facts["reason"]
    found = stamps.read()
    assert (found.ended.result, found.succeeded) == ("skipped", success)
    assert found.ended.run != success.run
