"""Others' linters on the files that a new user gets, pinned by commit as an installation from git pins them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mlops_ci.orchestrators.callers import github_starter, gitlab_starter
from mlops_ci.orchestrators.callers.bundle import Bundle
from support.linters import actionlint, tool, zizmor

BUNDLE = Bundle(repository="ml/mlops-ci", ref="d4" * 20, tag="v1.2.3")
WORKFLOWS = ".github/workflows"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for config in ("", "models/mlops.toml"):
        files = {
            **github_starter.files(BUNDLE, branch="main", config=config),
            **gitlab_starter.files(BUNDLE, config=config),
        }
        for name, text in files.items():
            path = tmp_path / (name.replace(".yml", "-below.yml") if config else name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


def test_zizmor_at_its_strictest(repository):
    code, said = zizmor(repository)
    assert code == 0, said
    assert "No findings to report" in said


def test_actionlint(repository):
    code, said = actionlint(repository)
    assert code == 0, said


@pytest.mark.parametrize(
    ("schema", "files"), [("github-workflows", f"{WORKFLOWS}/*.yml"), ("gitlab-ci", ".gitlab-ci*.yml")]
)
def test_the_schemas(repository, schema, files):
    names = sorted(str(path) for path in repository.glob(files))
    assert len(names) >= 2
    code, said = tool(repository, "check-jsonschema", "--builtin-schema", f"vendor.{schema}", *names)
    assert code == 0, said
