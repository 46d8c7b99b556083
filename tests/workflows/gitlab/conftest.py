"""The small consumer project at a GitLab, and a machine that runs its jobs on the host engine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.gitlab_ci import ROOT, Pipeline, make_consumer, run_always, run_pipeline
from support.oci_server import OciServer, trivy_database_server
from support.project import CONFIG

EXAMPLE = (ROOT / "examples" / "gitlab" / ".gitlab-ci.yml").read_text()
RESULT = "mlops-result"
Run = Callable[..., Pipeline]


@pytest.fixture(scope="session")
def database(trivy_db_folder: Path) -> Iterator[OciServer]:
    """The scanner's database, for all runs."""
    with trivy_database_server(trivy_db_folder / "db") as server:
        yield server


@pytest.fixture
def run(tmp_path: Path, gitlab_bundle: Path, shared_cache: Path, database: OciServer) -> Run:
    """Runs the example of the docs in the small project, with the engine `host`; the tool's environment is there."""

    def start(
        *arguments: str, config: str = CONFIG, files: dict[str, str] | None = None, **options: object
    ) -> Pipeline:
        consumer = make_consumer(tmp_path / "model", EXAMPLE, config=config, files=files)
        machine = {
            "MLOPS_CI_CACHE": str(shared_cache),
            "MLOPS_CI_ENVIRONMENT": sys.prefix,
            "MLOPS_CI_MIRRORS__TRIVY_DB": database.trivy_repository,
        }
        host = ("--input", "engine=host")
        done = run_pipeline(consumer, gitlab_bundle, *host, *arguments, machine=machine, **options)
        if "mlops-build" in done.jobs and RESULT not in done.jobs:
            return run_always(done, RESULT, consumer, gitlab_bundle, *host, machine=machine)
        return done

    return start
