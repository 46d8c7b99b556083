"""Trivy, and a vulnerability database that it can download, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from . import trivy_db
from .fixtures_testbed import found_or_skip
from .oci_server import OciServer, trivy_database_server
from .testbed import tools


@pytest.fixture(scope="session")
def trivy() -> Path:
    """The real Trivy."""
    return found_or_skip(tools.find("trivy"), "trivy")


@pytest.fixture(scope="session")
def trivy_db_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Trivy cache folder (`--cache-dir`) with the test database in it, fresh; not to be written to."""
    cache = tmp_path_factory.mktemp("trivy-cache")
    trivy_db.write_database(cache)
    return cache


@pytest.fixture
def trivy_db_server(trivy_db_folder: Path) -> Iterator[OciServer]:
    """Serves the test database; `server.trivy_repository` is what `--db-repository` takes."""
    with trivy_database_server(trivy_db_folder / "db") as server:
        yield server
