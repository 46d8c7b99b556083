"""Others' linters find nothing in what is rendered, whatever the profile, and something in what was tampered with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mlops_ci.orchestrators.github.profile import load_profile
from mlops_ci.orchestrators.github.render import render
from support.linters import actionlint, tool, zizmor

ROOT = Path(__file__).parents[3]
LOGIN = 'database = "job"\n'
SITE = """
extends = "enterprise"
repository = "ml/bundle"
mirror = "mirrored"
plan-runner = "small"
gpu-runner = '["self-hosted", "h100"]'
images = "one-job"
database = "job"
handover = "store"
"""
# The declared labels of self-hosted machines, which actionlint cannot know.
ACTIONLINT = "self-hosted-runner:\n  labels: [gpu, h100, small]\n"


@pytest.fixture(params=["default", "object-store", "keyless", "no-registry", "enterprise", "site", "database"])
def repository(request, tmp_path) -> Path:
    """A repository with nothing but the rendered files."""
    name = str(request.param)
    if name in ("site", "database"):
        (tmp_path / "site.toml").write_text(SITE if name == "site" else LOGIN)
        name = str(tmp_path / "site.toml")
    return write(tmp_path / "repository", render(load_profile(name)))


@pytest.fixture
def default(tmp_path) -> Path:
    return write(tmp_path / "repository", render(load_profile("default")))


def write(folder: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / ".github" / "actionlint.yaml").write_text(ACTIONLINT)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


def test_zizmor_at_its_strictest(repository):
    code, said = zizmor(repository)
    assert code == 0, said
    assert "No findings to report" in said


def test_actionlint(repository):
    code, said = actionlint(repository)
    assert code == 0, said


def test_the_schemas_of_workflows_and_actions(repository):
    files = sorted(str(path) for path in (repository / ".github" / "workflows").iterdir())
    code, said = tool(repository, "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *files)
    assert code == 0, said
    action = str(repository / ".github" / "actions" / "setup" / "action.yml")
    code, said = tool(repository, "check-jsonschema", "--builtin-schema", "vendor.github-actions", action)
    assert code == 0, said


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("run: mlops-ci run plan --only", "run: mlops-ci run plan --only --mode ${{ inputs.mode }}"),
        ("permissions: {}", "permissions: write-all"),
        ("actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2", "actions/checkout@v4"),
    ],
)
def test_zizmor_would_find_it(default, old, new):
    path = default / ".github" / "workflows" / "train.yml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert zizmor(default)[0] != 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("needs: [plan, build]", "needs: [plan, bild]"),
        ("needs.plan.outputs.runner-gpu", "needs.plan.outputs.runner-gpus"),
        ("${{ inputs.timeout }}", "${{ inputs.time-out }}"),
        ("jobs.result.outputs.promoted", "jobs.result.outputs.promotion"),
    ],
)
def test_actionlint_would_find_it(default, old, new):
    path = default / ".github" / "workflows" / "train.yml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert actionlint(default)[0] != 0
