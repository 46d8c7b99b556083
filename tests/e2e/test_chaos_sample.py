"""A seeded sample of the kills of `nox -s chaos`: always the same final state, and nothing left running."""

from __future__ import annotations

import pytest

from chaos.harness import chaos_project, disturbed, moments, undisturbed
from support.oci_server import trivy_database_server


@pytest.fixture(scope="module")
def baseline(tmp_path_factory, shared_cache, trivy_db_folder):
    """A project, what an undisturbed run of it ends in, and how long that takes; all scan with the test database."""
    with trivy_database_server(trivy_db_folder / "db") as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOPS_CI_MIRRORS__TRIVY_DB", server.trivy_repository)
        project = chaos_project(tmp_path_factory.mktemp("chaos") / "project")
        undisturbed(project, "host")
        yield project, *undisturbed(project, "host")


@pytest.mark.parametrize("number", range(3))
def test_kill_at_a_seeded_moment(baseline, number):
    project, expected, seconds = baseline
    case = disturbed(project, "host", moments(3, 20260101)[number], seconds)
    assert case.killed
    assert case.left == ()
    assert case.state == expected
