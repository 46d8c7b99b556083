"""A seeded sample of the kills of `nox -s chaos`: always the same final state, and nothing left running."""

from __future__ import annotations

import pytest

from chaos.harness import chaos_project, disturbed, moments, undisturbed


@pytest.fixture(scope="module")
def baseline(tmp_path_factory, shared_cache):
    project = chaos_project(tmp_path_factory.mktemp("chaos") / "project")
    undisturbed(project, "host")
    return project, *undisturbed(project, "host")


@pytest.mark.parametrize("number", range(3))
def test_kill_at_a_seeded_moment(baseline, number):
    project, expected, seconds = baseline
    moment = moments(3, 20260101, seconds)[number]
    case = disturbed(project, "host", moment)
    assert case.left == ()
    assert case.state == expected
