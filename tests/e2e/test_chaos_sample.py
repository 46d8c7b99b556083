"""Seeded samples of `nox -s chaos`: kills and faults, always the same final state, and nothing left running."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chaos.fault_table import faults
from chaos.faults import stage
from chaos.harness import chaos_project, disturbed, moments, undisturbed
from chaos.kills import STAGES, Bench, kills
from chaos.servers import Servers, servers
from support.oci_server import trivy_database_server
from support.project import CONFIG

KILLS = 10
# One that S3 lies about, one that MLflow's network loses, and one that ends the run: of each edge one.
FAULTS = ("s3-object-lost", "mlflow-version-answer-lost", "train-killed-once")


@pytest.fixture(scope="module")
def database(trivy_db_folder):
    """All scan with the test database."""
    with trivy_database_server(trivy_db_folder / "db") as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOPS_CI_MIRRORS__TRIVY_DB", server.trivy_repository)
        yield


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> Iterator[Servers]:
    """MLflow and S3, for one after the other."""
    with servers(tmp_path_factory.mktemp("servers")) as made:
        yield made


@pytest.fixture(scope="module")
def bench(tmp_path_factory, shared_cache, database, both) -> Bench:
    """A run that goes on from the stage in which it is killed."""
    return Bench(tmp_path_factory.mktemp("kills") / "bench", both, seconds=0.6, from_=STAGES)


@pytest.fixture(scope="module")
def played(tmp_path_factory, shared_cache, database, both):
    """A second run of a better model, behind proxies."""
    with stage(tmp_path_factory.mktemp("faults"), both, config=CONFIG) as it:
        yield it


def test_kill_at_a_seeded_moment_of_a_whole_run(tmp_path, shared_cache, database):
    project = chaos_project(tmp_path / "project", config=CONFIG)
    expected, seconds = undisturbed(project, "host")
    case = disturbed(project, "host", moments(3, 20260101)[1], seconds)
    assert case.killed
    assert case.left == ()
    assert case.state == expected


@pytest.mark.parametrize(
    "kill", kills(KILLS, 20260101), ids=lambda kill: f"{kill.number}-{kill.target}-in-{kill.stage}"
)
def test_kill_in_a_stage_that_makes_or_hands_on_a_model(bench, kill):
    outcome = bench.case(kill)
    assert outcome.differs == {}
    assert outcome.left == ()


@pytest.mark.parametrize("fault", [one for one in faults() if one.name in FAULTS], ids=lambda fault: fault.name)
def test_a_fault_ends_as_the_table_says(played, fault):
    outcome = played.play(fault)
    assert outcome.got == fault.expected, outcome.said
