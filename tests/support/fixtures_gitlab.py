"""What tests of GitLab pipelines share: gitlab-ci-local, and a repository with the bundle."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .fixtures_testbed import TESTBED
from .gitlab_ci import make_bundle
from .testbed import node_tools


@pytest.fixture(scope="session")
def gitlab_ci_local() -> None:
    """Skips where GitLab pipelines cannot be run."""
    if node_tools.find("gitlab-ci-local") is None or shutil.which("rsync") is None:
        pytest.skip(f"there is no `gitlab-ci-local`, or no `rsync`: {TESTBED}")


@pytest.fixture(scope="session")
def gitlab_bundle(tmp_path_factory: pytest.TempPathFactory, gitlab_ci_local: None) -> Path:
    """The bundle's repository as a GitLab would serve it."""
    return make_bundle(tmp_path_factory.mktemp("gitlab") / "mlops-ci")
