"""Which commit a pull request is based on, as each CI system says it."""

from __future__ import annotations

import io
import json

import pytest

from mlops_ci.providers.argo import argo_provider
from mlops_ci.providers.github import github_provider
from mlops_ci.providers.gitlab import gitlab_provider
from mlops_ci.providers.local import local_provider

BASE, MERGE = "b" * 40, "c" * 40
OWN = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_IID": "7"}


def github(tmp_path, payload, **environ):
    path = tmp_path / "event.json"
    path.write_text(payload if isinstance(payload, str) else json.dumps(payload))
    found = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(path), **environ}
    return github_provider(found, io.StringIO()).base()


@pytest.mark.parametrize(
    ("payload", "environ", "base"),
    [
        ({"pull_request": {"base": {"sha": BASE}}}, {}, (BASE,)),
        (
            {"pull_request": {"base": {"sha": BASE}}},
            {"GITHUB_REF": "refs/pull/7/merge", "GITHUB_SHA": MERGE},
            (f"{MERGE}^1", BASE),
        ),
        # A branch of that name is nobody's merge.
        ({"pull_request": {"base": {"sha": BASE}}}, {"GITHUB_REF": "refs/heads/x", "GITHUB_SHA": MERGE}, (BASE,)),
        ({"pull_request": {"base": {"sha": "main; rm -rf"}}}, {}, ()),
        ({"pull_request": {"base": {"sha": "--output=x"}}}, {}, ()),
        ({"pull_request": {}}, {}, ()),
        ("no json", {}, ()),
        ({}, {"GITHUB_EVENT_NAME": "push"}, None),
        # It checks out the base, and its ref is the base's.
        (
            {"pull_request": {"base": {"sha": BASE}}},
            {"GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_REF": "refs/heads/main", "GITHUB_SHA": MERGE},
            (MERGE, BASE),
        ),
    ],
)
def test_github(tmp_path, payload, environ, base):
    assert github(tmp_path, payload, **environ) == base


@pytest.mark.parametrize(
    ("environ", "base"),
    [
        ({**OWN, "CI_MERGE_REQUEST_DIFF_BASE_SHA": BASE}, (BASE,)),
        (OWN, ()),
        ({**OWN, "CI_MERGE_REQUEST_DIFF_BASE_SHA": "HEAD"}, ()),
        # A child pipeline of a merge request.
        ({**OWN, "CI_PIPELINE_SOURCE": "parent_pipeline", "CI_MERGE_REQUEST_DIFF_BASE_SHA": BASE}, (BASE,)),
        (
            {"CI_PIPELINE_SOURCE": "external_pull_request_event", "CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_SHA": BASE},
            (BASE,),
        ),
        ({"CI_PIPELINE_SOURCE": "push"}, None),
        ({}, None),
    ],
)
def test_gitlab(environ, base):
    assert gitlab_provider(environ, io.StringIO()).base() == base


def test_others_have_no_pull_requests():
    assert local_provider({}, io.StringIO()).base() is None
    assert argo_provider({}, io.StringIO()).base() is None
