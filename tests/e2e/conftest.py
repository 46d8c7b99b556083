"""Whole runs share one cache, so that an environment is made once for all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.oci_server import OciServer
from support.project import make_project


@pytest.fixture(scope="session", autouse=True)
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The cache of all whole runs: MLOPS_CI_TEST_CACHE where it is set, so that it outlives the session.

    The processes of one session (pytest-xdist) share it, as the runs on one machine do.
    """
    base = tmp_path_factory.getbasetemp()
    session = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = Path(os.environ.get("MLOPS_CI_TEST_CACHE") or session / "shared-cache")
    folder.mkdir(parents=True, exist_ok=True)
    before = os.environ.get("MLOPS_CI_CACHE")
    os.environ["MLOPS_CI_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["MLOPS_CI_CACHE"]
    else:
        os.environ["MLOPS_CI_CACHE"] = before


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A consumer's repository with a three-second training that resumes."""
    return make_project(tmp_path / "project")


@pytest.fixture
def scanned(trivy_db_server: OciServer) -> dict[str, str]:
    """Settings by which the scan takes the test database."""
    return {"MLOPS_CI_MIRRORS__TRIVY_DB": trivy_db_server.trivy_repository}


@pytest.fixture
def docker_settings(docker_host: str, base_image: str) -> dict[str, str]:
    """Settings by which builds take the testbed's base image."""
    return {
        "DOCKER_HOST": docker_host,
        "MLOPS_CI_MIRRORS__IMAGES": f'{{"debian:bookworm-slim" = "{base_image}"}}',
    }


@pytest.fixture(params=["host", "docker"])
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine."""
    return str(request.param)


@pytest.fixture
def engine_settings(request: pytest.FixtureRequest, engine: str) -> dict[str, str]:
    """What the engine needs in the environment; an engine that is not here skips the test."""
    if engine == "docker":
        return {"MLOPS_CI_ENGINE": "docker", **request.getfixturevalue("docker_settings")}
    return {"MLOPS_CI_ENGINE": "host", "DOCKER_HOST": "unix:///nonexistent.sock"}
