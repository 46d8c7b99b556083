"""Policies and pull requests as a CI job meets them: `mlops-ci plan` in real repositories."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.cli import Called, call
from support.project import CONFIG, commit, head, make_project
from support.web_server import Reply, web_server

GATES = '\n[scan]\nfail-on = ["CRITICAL", "HIGH"]\n'
POLICY = '[scan]\nfail-on = ["CRITICAL"]\n[engine]\nallowed = ["host"]\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Its last commit is a change that would let everything pass."""
    folder = make_project(tmp_path / "project", config=CONFIG + GATES)
    (folder / "mlops.toml").write_text(
        CONFIG.replace("floor = 0.9\n", "") + "\n[scan]\nfail-on = []\nsecrets = false\n"
    )
    commit(folder, "nothing fails any more")
    return folder


def github(project: Path, base: str | None, **changes: str) -> dict[str, str]:
    event = project.parent / "event.json"
    own = {"full_name": "org/project"}
    payload: dict[str, Any] = {"number": 1, "head": {"repo": own}, "base": {"repo": own}}
    if base is not None:
        payload["base"]["sha"] = base
    event.write_text(json.dumps({"pull_request": payload}))
    return {
        "MLOPS_CI_PROVIDER": "github",
        "MLOPS_CI_ENGINE": "host",
        "MLOPS_CI_MODE": "pr",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_REPOSITORY": "org/project",
        **changes,
    }


def gitlab(project: Path, base: str | None, **changes: str) -> dict[str, str]:
    return {
        "MLOPS_CI_PROVIDER": "gitlab",
        "MLOPS_CI_ENGINE": "host",
        "MLOPS_CI_MODE": "pr",
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_MERGE_REQUEST_IID": "1",
        "CI_MERGE_REQUEST_PROJECT_PATH": "org/project",
        "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "org/project",
        "CI_PROJECT_DIR": str(project),
        **({"CI_MERGE_REQUEST_DIFF_BASE_SHA": base} if base is not None else {}),
        **changes,
    }


def plan(project: Path, environment: dict[str, str]) -> tuple[dict[str, Any], Called]:
    done = call(project, "plan", environment=environment)
    assert done.exit_code == 0, done.said
    (path,) = (project / ".mlops" / "runs").glob("*/records/plan.json")
    return json.loads(path.read_text())["outputs"], done


@pytest.mark.parametrize("place", [github, gitlab])
def test_a_pull_request_is_judged_by_the_commit_that_it_is_based_on(project: Path, place) -> None:
    base = head(project, "HEAD^")
    outputs, done = plan(project, place(project, base))
    assert outputs["base"] == base
    assert [(one["key"], one["before"], one["after"]) for one in outputs["guarded_changes"]] == [
        ("evaluate.floor", "0.9", "not set"),
        ("scan.fail-on", '["CRITICAL", "HIGH"]', "[]"),
        ("scan.secrets", "true", "false"),
    ]
    assert f"guarded settings are those of the base commit {base[:12]}" in done.said
    assert '["CRITICAL", "HIGH"]' in next(
        line for line in done.said.splitlines() if "# base commit" in line and "fail-on" in line
    )
    reported = call(
        project, "report", "--only", "--run", "latest", environment={**place(project, base), **summary(project)}
    )
    assert reported.exit_code == 0, reported.said
    text = shown(project, place)
    assert "changed by this pull request, in force after the merge" in text
    assert "| <code>scan.secrets</code> | true | false | after the merge | mlops.toml:" in text


def summary(project: Path) -> dict[str, str]:
    return {"GITHUB_STEP_SUMMARY": str(project.parent / "summary.md")}


def shown(project: Path, place) -> str:
    path = project.parent / "summary.md" if place is github else project / ".mlops" / "gitlab" / "summary.md"
    return path.read_text()


@pytest.mark.parametrize(("place", "base"), [(gitlab, None), (github, "0" * 40)])
def test_without_its_base_it_is_not_judged_at_all(project: Path, place, base) -> None:
    done = call(project, "plan", environment=place(project, base))
    assert done.exit_code == 4, done.said
    assert "this pull request" in done.said or "this is a pull request" in done.said
    assert not (project / ".mlops" / "runs").exists()


def test_what_is_no_pull_request_goes_by_its_own_file(project: Path) -> None:
    outputs, _ = plan(project, github(project, None, GITHUB_EVENT_NAME="push", MLOPS_CI_MODE="main"))
    assert (outputs["base"], outputs["guarded_changes"]) == (None, [])


def test_a_persons_pull_request_run_is_judged_by_where_the_branch_began(project: Path) -> None:
    subprocess.run(["git", "-C", str(project), "checkout", "-q", "-b", "change"], check=True)
    subprocess.run(["git", "-C", str(project), "branch", "-q", "-f", "main", "HEAD^"], check=True)
    outputs, _ = plan(project, {"MLOPS_CI_ENGINE": "host", "MLOPS_CI_MODE": "pr"})
    assert outputs["base"] == head(project, "main")
    assert len(outputs["guarded_changes"]) == 3


def test_the_policy_of_the_machine_is_fetched_shown_and_obeyed(project: Path) -> None:
    digest = hashlib.sha256(POLICY.encode()).hexdigest()
    with web_server(lambda _: Reply(body=POLICY.encode())) as server:
        machine = {"MLOPS_CI_POLICY": f"{server.url}/policy.toml", "MLOPS_CI_POLICY_SHA256": digest}
        lax = call(project, "plan", environment={"MLOPS_CI_ENGINE": "host", **machine})
        assert lax.exit_code == 2
        assert "[scan] fail-on: [] is laxer than the policy, which demands at least" in lax.said
        (project / "mlops.toml").write_text(CONFIG + GATES)
        outputs, done = plan(project, {"MLOPS_CI_ENGINE": "host", **machine})
        assert outputs["policies"] == [{"source": f"{server.url}/policy.toml", "sha256": digest}]
        assert list(outputs["bounds"]) == ["scan.fail-on"]
        assert "it bounds 1 settings" in done.said
        wrong = {**machine, "MLOPS_CI_POLICY_SHA256": "0" * 64}
        assert call(project, "plan", environment={"MLOPS_CI_ENGINE": "host", **wrong}).exit_code == 4
        server.answer = lambda _: Reply(status=404)
        assert call(project, "plan", environment={"MLOPS_CI_ENGINE": "host", **machine}).exit_code == 4


def test_an_engine_that_the_policy_does_not_allow(project: Path) -> None:
    policy = '[engine]\nallowed = ["docker"]\n'
    (project.parent / "policy.toml").write_text(policy)
    machine = {
        "MLOPS_CI_POLICY": str(project.parent / "policy.toml"),
        "MLOPS_CI_POLICY_SHA256": hashlib.sha256(policy.encode()).hexdigest(),
    }
    done = call(project, "plan", environment={"MLOPS_CI_ENGINE": "host", **machine})
    assert done.exit_code == 2
    assert "the policy does not allow the engine host" in done.said
