"""The small consumer project at a GitLab, and a machine that runs its jobs on the host engine."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.gitlab_ci import ROOT, Pipeline, and_always, make_consumer, run_pipeline, try_again
from support.oci_server import OciServer, trivy_database_server
from support.project import CONFIG

EXAMPLE = (ROOT / "examples" / "gitlab" / ".gitlab-ci.yml").read_text()
HOST = ("--input", "engine=host")
RESULT = "mlops-result"


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
    ) -> Pipeline:
        """The example of the docs in the small project in `folder`, with the engine `host`."""
        consumer = make_consumer(folder / "model", EXAMPLE, config=config, files=files)
        done = run_pipeline(consumer, self.bundle, *HOST, *arguments, variables=variables, machine=self.machine)
        wanted = "mlops-build" in done.jobs and RESULT not in done.jobs
        return and_always(done, RESULT, self.bundle, *HOST, machine=self.machine) if wanted else done

    def try_again(self, first: Pipeline, job: str, folder: Path) -> Pipeline:
        """One job of a pipeline once more, and what follows in any case."""
        done = try_again(first, job, folder, self.bundle, *HOST, machine=self.machine)
        return and_always(done, RESULT, self.bundle, *HOST, machine=self.machine)


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
