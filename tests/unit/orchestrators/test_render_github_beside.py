"""Files that somebody opts in to beside the pipeline: they comment, score, alert, roll back, rescan, try again."""

from __future__ import annotations

import json

import pytest

from mlops_ci.orchestrators.github.profile import load_profile
from mlops_ci.orchestrators.github.render import render
from support.rendered_github import (
    EXPRESSION,
    PROFILES,
    opt_in,
    parsed,
    secrets_in,
)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_file_that_comments_writes_to_pull_requests_and_runs_none_of_their_code(profile):
    workflow = opt_in("comment", profile)
    (job,) = workflow["jobs"].values()
    assert workflow["permissions"] == {}
    assert set(workflow["on"]["workflow_call"]) == {"inputs"}
    assert job["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert "github.event.pull_request &&" in job["if"]
    assert (
        "!(github.event.pull_request && github.event.pull_request.head.repo.full_name != github.repository" in job["if"]
    )
    runs = [step["run"] for step in job["steps"] if "run" in step]
    assert runs[1:] == ["mlops-ci handover collect .mlops/handover/incoming", "mlops-ci comment"]
    assert [step["name"] for step in job["steps"] if "github.token" in json.dumps(step)] == ["Write the comment"]
    assert not any(EXPRESSION.search(run) for run in runs)
    for step in job["steps"]:
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("profile", PROFILES)
def test_the_file_that_scores_the_champion_has_secrets_in_the_one_step_that_does_and_never_for_a_fork(profile):
    workflow = opt_in("decay", profile)
    (job,) = workflow["jobs"].values()
    assert workflow["permissions"] == {}
    assert job["permissions"] == {"contents": "read", "id-token": "write", "packages": "write"}
    fork = "github.event.pull_request.head.repo.full_name != github.repository"
    assert job["if"].startswith(f"${{{{ !(github.event.pull_request && {fork} ||")
    declared = workflow["on"]["workflow_call"]["secrets"]
    assert all(secret["required"] is False for secret in declared.values())
    (scoring,) = [step for step in job["steps"] if secrets_in(step) or "github.token" in json.dumps(step)]
    assert scoring["run"] == "mlops-ci nightly decay"
    assert secrets_in(workflow["jobs"]) == secrets_in(scoring) == set(declared)
    assert {"aws-access-key-id", "mlflow-token", "slack-webhook-url", "registry-password"} < set(declared)
    assert "ping-url" not in declared, "another schedule would keep the dead man's switch of the nights quiet"
    assert scoring["env"]["AWS_ROLE_ARN"] == "${{ inputs.aws-role }}"
    for step in job["steps"]:
        assert not EXPRESSION.search(step.get("run", "")), step["name"]
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


def test_the_file_that_scores_the_champion_says_how_it_went_and_keeps_the_page():
    workflow = opt_in("decay")
    (job,) = workflow["jobs"].values()
    outputs = workflow["on"]["workflow_call"]["outputs"]
    assert set(outputs) == {"result", "exit-code", "run-id", "report"}
    for name, one in outputs.items():
        assert one["value"] == f"${{{{ jobs.evaluate.outputs.{name} }}}}"
        assert name in job["outputs"]
    assert job["outputs"]["result"] == "${{ steps.stages.outputs.result || 'failed' }}", "without a run, too"
    kept = job["steps"][-1]
    assert kept["if"] == "${{ always() && steps.stages.outcome != 'skipped' }}"
    assert kept["with"]["name"] == job["outputs"]["report"]
    assert kept["with"]["path"] == ".mlops/runs/*/report"


@pytest.mark.parametrize("profile", PROFILES)
def test_alerts_are_written_by_one_step_of_one_file_that_runs_no_code(profile):
    workflow = opt_in("code-scanning", profile)
    (job,) = workflow["jobs"].values()
    assert workflow["permissions"] == {}
    assert job["permissions"] == {"actions": "read", "contents": "read", "security-events": "write"}
    assert "head.repo.full_name != github.repository" in job["if"]
    assert secrets_in(workflow) == set()
    download, look, upload = job["steps"]
    assert download["with"]["name"] == "${{ inputs.report }}"
    assert not EXPRESSION.search(look["run"])
    assert upload["if"] == "${{ steps.found.outputs.file != '' }}", "a scan that is broken closes no alert"
    others = [text for path, text in render(load_profile(profile)).items() if "code-scanning" not in path]
    assert not any("security-events" in text or "upload-sarif" in text for text in others)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_rollback_is_one_guarded_job_whose_words_come_from_its_environment(profile):
    workflow = opt_in("rollback", profile)
    (job,) = workflow["jobs"].values()
    assert job["environment"] == "${{ inputs.rollback-environment }}"
    assert "!(github.event.pull_request" in job["if"]
    assert set(job["permissions"]) == {"contents", "id-token"}
    (step,) = [step for step in job["steps"] if step.get("id") == "stages"]
    assert step["run"] == "mlops-ci rollback"
    for name in ("model", "to", "expected"):
        assert workflow["env"][f"MLOPS_CI_ROLLBACK_{name.upper()}"] == f"${{{{ inputs.{name} }}}}"
    outputs = workflow["on"]["workflow_call"]["outputs"]
    assert set(outputs) == {"champion", "moved", "exit-code"}
    cosign = [step for step in job["steps"] if "cosign" in step.get("uses", "")]
    assert len(cosign) == (profile == "keyless")


def test_a_rescan_may_read_images_and_nothing_else():
    (job,) = opt_in("rescan")["jobs"].values()
    assert job["permissions"] == {"contents": "read", "packages": "read"}
    (scanning,) = [step for step in job["steps"] if secrets_in(step) or "github.token" in json.dumps(step)]
    assert scanning["run"] == "mlops-ci rescan"
    assert secrets_in(scanning) == {"registry-username", "registry-password"}


def test_the_file_that_scores_the_champion_runs_where_its_caller_says():
    inputs = opt_in("decay")["on"]["workflow_call"]["inputs"]
    assert not set(inputs) & {"runner-plan", "runner-cpu", "runner-gpu", "run-id", "aws-role-read"}
    assert (inputs["mode"]["default"], inputs["timeout"]["default"]) == ("weekly", 120)
    default, own = (opt_in("decay", profile)["jobs"]["evaluate"]["runs-on"] for profile in PROFILES[:2])
    assert default.endswith("inputs.runner-evaluate || 'ubuntu-latest' }}")
    assert "self-hosted" in own


def test_the_file_that_tries_again_reads_and_starts_and_nothing_else():
    retry = parsed(render(load_profile("default"))[".github/workflows/retry.yml"])
    (job,) = retry["jobs"].values()
    assert retry["permissions"] == {}
    assert job["permissions"] == {"actions": "write"}
    assert "secrets" not in retry["on"]["workflow_call"]
    assert not any("checkout" in step.get("uses", "") and "repository" not in step["with"] for step in job["steps"])
    for step in job["steps"]:
        assert not EXPRESSION.search(step.get("run", ""))


def test_where_artifacts_of_another_run_cannot_be_had_nothing_tries_again():
    assert ".github/workflows/retry.yml" not in render(load_profile("enterprise"))
