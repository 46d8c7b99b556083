"""The small consumer project at a GitLab, and a machine that runs its jobs on the host engine."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import gitlab_ci
from support.gitlab_ci import Pipeline, and_always, make_consumer, run_pipeline, try_again
from support.oci_server import OciServer, trivy_database_server
from support.project import CONFIG

EXAMPLE = gitlab_ci.EXAMPLE.read_text()
HOST = ("--input", "engine=host")
SCHEDULE = {"CI_PIPELINE_SOURCE": "schedule"}


@dataclass(frozen=True)
class Site:
    """A GitLab with the bundle, and a runner whose machine brings the tool's environment along."""

    bundle: Path
    machine: Mapping[str, str]

    def run(
        self,
        folder: Path,
        *arguments: str,
        config: str = CONFIG,
        files: dict[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        example: str = EXAMPLE,
    ) -> Pipeline:
        """The example of the docs in the small project in `folder`, with the engine `host`."""
        consumer = make_consumer(folder / "model", example, config=config, files=files)
        done = run_pipeline(consumer, self.bundle, *HOST, *arguments, variables=variables, machine=self.machine)
        return self._to_its_end(done, variables) if "mlops-build" in done.jobs else done

    def try_again(self, first: Pipeline, job: str, folder: Path, variables: Mapping[str, str]) -> Pipeline:
        """One job of a pipeline once more, and what follows in any case."""
        done = try_again(first, job, folder, self.bundle, *HOST, variables=variables, machine=self.machine)
        return self._to_its_end(done, variables)

    def _to_its_end(self, done: Pipeline, variables: Mapping[str, str] | None) -> Pipeline:
        result = f"{next(iter(done.jobs)).rpartition('-')[0]}-result"
        if result in done.jobs:
            return done
        return and_always(done, result, self.bundle, *HOST, variables=variables, machine=self.machine)


@pytest.fixture(scope="session")
def database(trivy_db_folder: Path) -> Iterator[OciServer]:
    """The scanner's database, for all runs."""
    with trivy_database_server(trivy_db_folder / "db") as server:
        yield server


@pytest.fixture(scope="session")
def site(gitlab_bundle: Path, shared_cache: Path, database: OciServer) -> Site:
    """Where the pipelines run."""
    machine = {
        "MLOPS_CI_CACHE": str(shared_cache),
        "MLOPS_CI_ENVIRONMENT": sys.prefix,
        "MLOPS_CI_MIRRORS__TRIVY_DB": database.trivy_repository,
    }
    return Site(bundle=gitlab_bundle, machine=machine)
