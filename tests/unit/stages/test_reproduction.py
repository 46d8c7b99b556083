"""What a run made, whether it can be repeated at all, and how two runs compare."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlops_ci.gates.repeated import default_tolerances, worst
from mlops_ci.records.codec import to_json
from mlops_ci.run.run import open_run
from mlops_ci.stages.reproduction import NotReproducibleError, check_repeatable, compared, results
from support.report_outputs import RUN
from support.report_run import make_run


@pytest.fixture
def run(tmp_path):
    make_run(tmp_path)
    return open_run(tmp_path / "runs", RUN)


def test_the_results_of_a_whole_run(run):
    found = results(run)
    assert found.metrics == run.record("evaluate").outputs["metrics"]
    assert set(found.model) == {"config.json", "model.safetensors"}
    assert found.layer == "vision"


def test_without_an_evaluation_the_metrics_of_the_training_count(run):
    run.path("records", "evaluate.json").unlink()
    assert results(run).metrics == run.record("train").outputs["metrics"]


def test_a_run_without_a_finished_training_gives_nothing_to_compare(tmp_path):
    make_run(tmp_path, "failed")
    with pytest.raises(NotReproducibleError, match="no finished training") as caught:
        results(open_run(tmp_path / "runs", RUN))
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dirty": True, "diff_sha256": "ab" * 32}, r"uncommitted changes \(difference abababababab\)"),
        ({"commit": None, "dirty": True}, "outside of git"),
    ],
)
def test_a_run_whose_commit_is_not_its_code_is_refused_with_the_reason(run, change, said):
    check_repeatable(run)
    lineage = replace(run.info.lineage, **change)
    with pytest.raises(NotReproducibleError, match=said) as caught:
        check_repeatable(replace(run, info=replace(run.info, lineage=lineage)))
    assert caught.value.exit_code == 4


def test_a_run_is_equal_to_itself_in_every_part(run):
    found = compared(results(run), results(run), default_tolerances())
    assert [one.kind for one in found[:3]] == ["image", "data", "model"]
    assert {one.sameness for one in found} == {"equal"}
    assert worst(found) == "equal"


def test_each_part_that_differs_is_named(run):
    before = results(run)
    after = replace(before, data="other", model={**before.model, "model.safetensors": "x"}, metrics={})
    different = {one.name for one in compared(before, after, default_tolerances()) if one.sameness == "different"}
    assert different == {"data", "model.safetensors", *before.metrics}
    assert to_json(compared(before, after, default_tolerances())[1])["after"] == "other"
