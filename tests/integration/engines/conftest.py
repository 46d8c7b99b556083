"""The three engines, each with a place to run jobs in."""

from __future__ import annotations

import sys
import venv
from pathlib import Path

import pytest

from support.engine_image import python_image
from support.engine_jobs import Place

__all__ = ["docker", "environment", "host", "place", "python_image"]


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with nothing in it."""
    folder = tmp_path_factory.mktemp("environments") / "empty"
    venv.create(folder, with_pip=False, symlinks=True)
    return folder


@pytest.fixture(params=["docker", "host", "inside"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """One engine after the other: whoever implements the interface passes the same tests."""
    if request.param == "docker":
        return request.getfixturevalue("docker")
    if request.param == "host":
        return request.getfixturevalue("host")
    return Place(name="inside", ref="", folder=tmp_path / "place")


@pytest.fixture
def docker(docker_host: str, python_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The Docker engine."""
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    return Place(name="docker", ref=python_image, folder=tmp_path / "place")


@pytest.fixture
def host(environment: Path, tmp_path: Path) -> Place:
    """The host engine."""
    assert sys.platform == "linux"
    return Place(name="host", ref=f"env:{environment}", folder=tmp_path / "place")
