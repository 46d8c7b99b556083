"""The bundle as its users see it, and what a machine that runs their jobs has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support import act
from support.fixtures_testbed import found_or_skip
from support.oci_server import OciServer, trivy_database_server
from support.project import make_project
from support.testbed import tools


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with this very working tree, where `uses: org/mlops-ci/...@v1` finds it."""
    return act.make_bundle(tmp_path_factory.mktemp("bundles") / act.BUNDLE)


@pytest.fixture(scope="session")
def program() -> Path:
    """The real act."""
    return found_or_skip(tools.find("act"), "act")


@pytest.fixture(scope="session")
def database(trivy_db_folder: Path) -> Iterator[OciServer]:
    """The scanner's database, for all runs."""
    with trivy_database_server(trivy_db_folder / "db") as server:
        yield server


Run = Callable[..., act.Acted]


@pytest.fixture
def run(tmp_path: Path, program: Path, bundle: Path, shared_cache: Path, database: OciServer) -> Run:
    """Runs a workflow of the small project on the host engine."""

    def start(workflow: str | None = None, *, files: dict[str, str] | None = None, **options: Any) -> act.Acted:
        project = make_project(tmp_path / "project", files=files)
        text = act.EXAMPLE.read_text() if workflow is None else workflow
        labels = options.get("labels", act.LABELS)
        after = act.AFTER if act.HOSTED in labels else act.AFTER.replace(act.HOSTED, labels[0])
        consumer = act.make_consumer(project, text.rstrip() + "\n" + after)
        machine = {
            "MLOPS_CI_CACHE": str(shared_cache),
            "MLOPS_CI_MIRRORS__TRIVY_DB": database.trivy_repository,
            **options.pop("environment", {}),
        }
        variables = {"MLOPS_CI_ENGINE": "host", **options.pop("variables", {})}
        release = options.pop("bundle", bundle)
        return act.act(
            program, consumer, release, tmp_path / "act", environment=machine, variables=variables, **options
        )

    return start
