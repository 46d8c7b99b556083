"""Ctrl-C and SIGTERM: a polite end with a record, and a state that resumes."""

from __future__ import annotations

import signal
import time

import pytest

from support.cli import begun, call, records
from support.leftovers import of_project
from support.web_server import Reply, web_server


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_training_that_is_interrupted_goes_on_where_it_was(project, mlflow_server, number, code):
    settings = {
        "MLOPS_CI_ENGINE": "host",
        "MLOPS_CI_TRACKING__URI": mlflow_server,
        "MLOPS_CI_PROJECT__NAME": f"interrupted-{time.time_ns()}",
    }
    child = begun(project, "run", "--set", "train.params.seconds=15", environment=settings, session=True)
    assert child.stderr is not None
    said = []
    for line in child.stderr:
        said.append(line)
        if line.startswith("epoch 2 "):
            child.send_signal(number)
    assert child.wait() == code, "".join(said)
    child.stderr.close()
    record = records(project)["train"]
    assert (record["status"], record["reason"], record["exit_code"]) == ("failed", "cancelled", code)
    deadline = time.monotonic() + 10
    while of_project(project) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert of_project(project) == []

    again = call(project, "run", "--set", "train.params.seconds=15", environment=settings)
    assert again.exit_code == 0, again.said
    assert "resuming from the checkpoint of step 2" in again.stderr
    found = records(project)
    assert found["train"]["attempt"] == 2
    assert found["train"]["outputs"]["attempts"][0]["resumed_from"] == 2


def test_a_promotion_waits_for_a_human_who_approves_and_both_are_told(project, mlflow_server):
    """A channel that is gone meanwhile keeps nobody from promoting."""
    with web_server(lambda request: Reply(status=404 if request.path == "/gone" else 200)) as server:
        settings = {
            "MLOPS_CI_ENGINE": "host",
            "MLOPS_CI_TRACKING__URI": mlflow_server,
            "MLOPS_CI_PUBLISH__APPROVAL": "true",
            "MLOPS_CI_PROJECT__NAME": f"approved-{time.time_ns()}",
            "MLOPS_CI_NOTIFY__WEBHOOK": "HOOK_URL",
            "MLOPS_CI_NOTIFY__SLACK": "SLACK_URL",
            "HOOK_URL": server.url,
            "SLACK_URL": f"{server.url}/gone",
        }
        waits_and_is_approved(project, settings)
        told = [request.json for request in server.requests if request.path != "/gone"]
    assert [one["kind"] for one in told] == ["approval", "promotion"]
    who = records(project)["promote"]["outputs"]["approved_by"]
    assert told[1]["title"].endswith(f" version 1 is now the champion, approved by {who}")
    assert told[1]["run"] == told[0]["run"]


def waits_and_is_approved(project, settings):
    first = call(project, "run", environment=settings)
    assert first.exit_code == 0, first.said
    found = records(project)
    assert found["promote"]["status"] == "waiting"
    assert found["report"]["status"] == "passed"
    run_id = found["promote"]["run"]
    assert f"mlops-ci approve {run_id}" in first.stderr

    approved = call(project, "approve", run_id, environment=settings)
    assert approved.exit_code == 0, approved.said
    promoted = records(project)["promote"]
    assert promoted["status"] == "passed"
    assert promoted["outputs"]["to"] == "1"
    assert promoted["outputs"]["approved_by"]
    (warning,) = records(project)["report"]["warnings"]
    assert warning.startswith("notifications: slack was not told of promotion: ")
    assert call(project, "approve", run_id, environment=settings).exit_code == 2
