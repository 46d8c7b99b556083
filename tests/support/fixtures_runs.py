"""Whole runs share one cache, so that an environment is made once for all of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of all whole runs: MLOPS_CI_TEST_CACHE where it is set, so that it outlives the session.

    The processes of one session (pytest-xdist) share it, as the runs on one machine do.
    """
    base = tmp_path_factory.getbasetemp()
    session = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = Path(os.environ.get("MLOPS_CI_TEST_CACHE") or session / "shared-cache")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
