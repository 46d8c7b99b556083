"""Which pull request or merge request, and which branch, a run is about."""

from __future__ import annotations

import json
from io import StringIO

import pytest

from mlops_ci.providers.detect import detect

GITLAB = {"MLOPS_CI_PROVIDER": "gitlab"}


@pytest.fixture
def github(tmp_path):
    def make(payload, event="pull_request", **more):
        path = tmp_path / "event.json"
        path.write_text(payload if isinstance(payload, str) else json.dumps(payload))
        return {
            "MLOPS_CI_PROVIDER": "github",
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(path),
            **more,
        }

    return make


@pytest.mark.parametrize(
    ("payload", "event", "number"),
    [
        ({"pull_request": {"number": 7}}, "pull_request", 7),
        ({"pull_request": {"number": 7}}, "pull_request_target", 7),
        ({"pull_request": {"number": 7}}, "push", None),
        ({"pull_request": {"number": "7"}}, "pull_request", None),
        ({"pull_request": {"number": True}}, "pull_request", None),
        ({"pull_request": None}, "pull_request", None),
        ([], "pull_request", None),
        ("{cut", "pull_request", None),
    ],
)
def test_githubs(github, payload, event, number):
    assert detect(github(payload, event), StringIO()).change() == number


def test_an_event_without_a_file():
    environ = {"MLOPS_CI_PROVIDER": "github", "GITHUB_EVENT_NAME": "pull_request"}
    assert detect(environ, StringIO()).change() is None


@pytest.mark.parametrize(("given", "number"), [("7", 7), ("", None), ("0", None), ("x", None), ("-1", None)])
def test_gitlabs(given, number):
    assert detect({**GITLAB, "CI_MERGE_REQUEST_IID": given}, StringIO()).change() == number


def test_branches(github):
    both = {"GITHUB_HEAD_REF": "feature", "GITHUB_REF_NAME": "7/merge"}
    assert detect(github({}, **both), StringIO()).branch() == "feature"
    assert detect(github({}, GITHUB_HEAD_REF="", GITHUB_REF_NAME="main"), StringIO()).branch() == "main"
    named = {"CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "feature", "CI_COMMIT_REF_NAME": "main"}
    assert detect({**GITLAB, **named}, StringIO()).branch() == "feature"
    assert detect({**GITLAB, "CI_COMMIT_REF_NAME": "main"}, StringIO()).branch() == "main"


@pytest.mark.parametrize("name", ["local", "argo"])
def test_elsewhere_there_is_none(name):
    provider = detect({"MLOPS_CI_PROVIDER": name}, StringIO())
    assert (provider.change(), provider.branch()) == (None, None)
