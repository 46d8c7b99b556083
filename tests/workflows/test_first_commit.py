"""A new user: an empty repository, a `train.py`, `mlops-ci init --provider both`, one commit, two pipelines.

Both run the very files that `init` wrote, on this machine: GitHub's by act, GitLab's by gitlab-ci-local.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from mlops_ci import pipeline
from support import act, gitlab_ci
from support.cli import call
from support.oci_server import OciServer
from support.project import commit

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "examples" / "first" / "train.py"
WORKFLOWS = {f".github/workflows/mlops{name}.yml" for name in ("", "-nightly", "-decay")}
WRITTEN = {"mlops.toml", ".gitlab-ci.yml", *WORKFLOWS}
COMMANDS = ("git init", "mlops-ci init --provider both", "git add .", "git commit -m 'The pipeline'")
STATUSES = {
    **dict.fromkeys(pipeline.NAMES, "passed"),
    "check": "skipped",
    "prepare": "skipped",
    "promote": "skipped",
    "deploy": "skipped",
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the user has after these commands. Of all its lines they wrote those of `train.py`."""
    folder = tmp_path_factory.mktemp("first") / "project"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    shutil.copy(SCRIPT, folder / "train.py")
    done = call(folder, "init", "--provider", "both")
    assert done.exit_code == 0, done.stderr
    commit(folder, "The pipeline")
    tracked = subprocess.run(
        ["git", "-C", str(folder), "ls-files"], check=True, capture_output=True, text=True
    ).stdout.split()
    assert set(tracked) == {"train.py", *WRITTEN}
    return folder


@pytest.fixture
def repository(tmp_path: Path, written: Path) -> Path:
    """The same for one test."""
    return shutil.copytree(written, tmp_path / "project")


@pytest.fixture
def machine(shared_cache: Path, database: OciServer) -> dict[str, str]:
    """What the runner's machine brings along."""
    return {
        "MLOPS_CI_CACHE": str(shared_cache),
        "MLOPS_CI_ENVIRONMENT": sys.prefix,
        "MLOPS_CI_MIRRORS__TRIVY_DB": database.trivy_repository,
    }


def check(records: Mapping[str, dict], provider: str) -> None:
    """Every stage has done what it is for, with the metric that the script prints."""
    assert {name: one["status"] for name, one in records.items()} == STATUSES
    assert {one["provider"] for one in records.values()} == {provider}
    assert records["train"]["outputs"]["metrics"]["loss"] < 0.02
    assert records["publish"]["outputs"]["model"] == {"name": "project", "version": "1"}


def test_one_commit_is_a_pipeline_that_passes_at_github(repository, machine, program, bundle, tmp_path):
    with (repository / ".github" / "workflows" / "mlops.yml").open("a") as file:
        file.write(act.AFTER)
    commit(repository, "a job of the test that keeps the outputs")
    remote = f"https://github.com/{act.CONSUMER}.git"
    subprocess.run(["git", "-C", str(repository), "remote", "add", "origin", remote], check=True)
    done = act.act(
        program,
        repository,
        bundle,
        tmp_path / "act",
        environment=machine,
        variables={"MLOPS_CI_ENGINE": "host"},
        workflow="mlops.yml",
    )
    assert done.exit_code == 0, done.log[-8000:]
    assert done.outputs["result"] == "passed"
    check(done.records(), "github")


def test_one_commit_is_a_pipeline_that_passes_at_gitlab(repository, machine, gitlab_bundle):
    gitlab_ci.at_gitlab(repository)
    options = ("--input", "engine=host")
    done = gitlab_ci.run_pipeline(repository, gitlab_bundle, *options, machine=machine)
    assert done.exit_code == 0, done.output[-8000:]
    assert set(done.jobs.values()) == {0}
    check(done.records(), "gitlab")
    assert "no champion memory" in done.records()["promote"]["reason"]
    assert "comment: nothing this is no pull request" in done.log("mlops-result")


def test_what_the_user_wrote_is_the_script_and_what_the_docs_say():
    """The figure of the docs: lines of the script, none beside it, and these commands."""
    text = (ROOT / "docs" / "your-repository.md").read_text()
    lines = len(SCRIPT.read_text().splitlines())
    assert f"a `train.py` of {lines} lines and no line beside it" in text
    assert SCRIPT.read_text() in text
    assert all(command in text for command in COMMANDS)


def test_doctor_finds_nothing_wrong_with_it(repository):
    for provider in ("github", "gitlab"):
        done = call(repository, "doctor", "--provider", provider, "--json")
        assert done.exit_code == 0, done.stdout
        assert json.loads(done.stdout)["findings"] == []
