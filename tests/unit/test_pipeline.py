"""The one graph."""

import pytest

from mlops_ci import pipeline


def test_the_stages_stand_in_an_order_that_their_needs_allow():
    seen = set()
    for stage in pipeline.STAGES:
        assert set(stage.needs) <= seen, stage.name
        seen.add(stage.name)


def test_asking_for_a_stage_asks_for_what_it_needs():
    assert pipeline.with_needs(("verify",)) == ("plan", "build", "check", "scan", "prepare", "verify")
    assert pipeline.with_needs(("report",)) == pipeline.NAMES


def test_the_nox_sessions_cover_the_graph_once():
    parts = [name for session in ("build", "verify", "train") for name in pipeline.session_stages(session)]
    assert tuple(parts) == pipeline.NAMES


def test_an_unknown_stage_is_an_error():
    with pytest.raises(KeyError):
        pipeline.stage("serve")
    with pytest.raises(KeyError):
        pipeline.with_needs(("serve",))
