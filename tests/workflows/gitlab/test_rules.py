"""Which jobs of the example run in which pipeline, as gitlab-ci-local evaluates the rules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from support.gitlab_ci import CONSUMER_PROJECT, expand, make_consumer, planned

from .conftest import EXAMPLE

ALL = ("plan", "build", "scan", "prepare", "train", "evaluate", "publish", "promote", "approve", "deploy", "result")
UNMERGED = tuple(name for name in ALL if name not in {"publish", "promote", "approve", "deploy"})
MERGE_REQUEST = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_COMMIT_BRANCH": ""}


@pytest.fixture(scope="module")
def consumer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with the files of two more schedules, and of what a person starts."""
    weekly = "  - project: org/mlops-ci\n    ref: v1\n    file: ci/gitlab/decay.yml\n"
    example = EXAMPLE.rstrip() + "\n" + weekly + weekly.replace("decay", "rescan") + weekly.replace("decay", "rollback")
    return make_consumer(tmp_path_factory.mktemp("rules") / "model", example)


@pytest.mark.parametrize(
    ("variables", "jobs"),
    [
        pytest.param({}, [f"mlops-{name}" for name in ALL], id="default branch"),
        pytest.param({"CI_COMMIT_BRANCH": "feature"}, [], id="push to another branch"),
        pytest.param(
            {"CI_COMMIT_BRANCH": "feature", "CI_PIPELINE_SOURCE": "web"},
            [*(f"mlops-{name}" for name in ALL), "mlops-rollback-rollback"],
            id="asked for by a person",
        ),
        pytest.param({"CI_COMMIT_BRANCH": "", "CI_COMMIT_TAG": "v3"}, [], id="tag"),
        pytest.param(
            {**MERGE_REQUEST, "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": CONSUMER_PROJECT},
            [f"mlops-{name}" for name in UNMERGED],
            id="merge request",
        ),
        pytest.param({**MERGE_REQUEST, "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "eve/model"}, ["mlops-fork"], id="fork"),
        pytest.param({"CI_PIPELINE_SOURCE": "schedule"}, [f"mlops-nightly-{name}" for name in ALL], id="schedule"),
    ],
)
def test_which_jobs_run(consumer: Path, gitlab_bundle: Path, variables: Mapping[str, str], jobs: list[str]) -> None:
    found = planned(consumer, gitlab_bundle, variables)
    assert list(found) == jobs
    for name, when in found.items():
        kind = name.rpartition("-")[2]
        assert when == {"approve": "manual", "rollback": "manual", "result": "always"}.get(kind, "on_success")


@pytest.mark.parametrize(
    ("variables", "jobs"),
    [
        ({"CI_PIPELINE_SOURCE": "schedule", "MLOPS_SCHEDULE": "decay"}, {"mlops-decay-evaluate"}),
        ({"CI_PIPELINE_SOURCE": "schedule", "MLOPS_SCHEDULE": "rescan"}, {"mlops-rescan-rescan"}),
        ({"MLOPS_SCHEDULE": "decay"}, {f"mlops-{name}" for name in ALL}),
    ],
    ids=["its schedule", "that of the rescan", "a push"],
)
def test_each_schedule_runs_its_own_file(
    consumer: Path, gitlab_bundle: Path, variables: Mapping[str, str], jobs: set[str]
) -> None:
    assert set(planned(consumer, gitlab_bundle, variables)) == jobs


@pytest.mark.parametrize(("name", "value"), [("on-tags", {"CI_COMMIT_TAG": "v3"}), ("on-branches", {})])
def test_tags_and_branches_run_where_they_are_asked_for(
    tmp_path: Path, gitlab_bundle: Path, name: str, value: Mapping[str, str]
) -> None:
    asked = EXAMPLE.replace("      runner-gpu: [gpu]\n", f"      runner-gpu: [gpu]\n      {name}: true\n", 1)
    consumer = make_consumer(tmp_path / "model", asked)
    branch = {"CI_COMMIT_BRANCH": "" if value else "feature"}
    assert "mlops-train" in planned(consumer, gitlab_bundle, {**branch, **value})


def test_the_same_as_components_at_a_commit(tmp_path: Path, gitlab_bundle: Path) -> None:
    pipeline = "include:\n  - component: $CI_SERVER_FQDN/org/mlops-ci/train@v1\n    inputs: {job-prefix: ml-}\n"
    text = expand(make_consumer(tmp_path / "model", pipeline), gitlab_bundle)
    commit = (gitlab_bundle / ".git" / "refs" / "tags" / "v1").read_text().strip()
    assert f"MLOPS_CI_BUNDLE_REF: {commit}" in text
    assert "ml-train:" in text


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("engine: magic", "not in the list of allowed options"),
        ("timeout: long", "provided value is not a number"),
        ("dry-run: 'no'", "provided value is not a boolean"),
        ("runner-cpu: docker", "provided value is not a array"),
    ],
)
def test_a_wrong_input_stops_the_pipeline_before_it_begins(
    tmp_path: Path, gitlab_bundle: Path, value: str, message: str
) -> None:
    wrong = EXAMPLE.replace("      runner-gpu: [gpu]\n", f"      runner-gpu: [gpu]\n      {value}\n", 1)
    with pytest.raises(AssertionError, match=message):
        expand(make_consumer(tmp_path / "model", wrong), gitlab_bundle)
