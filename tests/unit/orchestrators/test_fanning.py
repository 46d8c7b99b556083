"""A job for each machine of a list: what plan makes of the list, also of an empty one, and how all of it is counted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import count

import pytest

from mlops_ci.orchestrators import fanning
from mlops_ci.orchestrators.called import called_file, called_files
from mlops_ci.orchestrators.fanning import matrix, nodes
from mlops_ci.orchestrators.labels import RunnerLabelError
from mlops_ci.orchestrators.outcome import JobEnd, facts, outcome
from mlops_ci.records.record import ErrorInfo
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.html import html
from mlops_ci.reporting.markdown import summary
from mlops_ci.run import handover
from mlops_ci.run.collect import collect
from mlops_ci.run.handover import pack
from mlops_ci.run.nodes import looked
from support.rendered_github import PROFILES, workflows
from support.run_folder import a_record, make_run

LIST = '["gpu-01", ["self-hosted", "gpu 02"]]'
NODES = {"gpu-01": ("gpu-01",), "self-hosted-gpu-02": ("self-hosted", "gpu 02")}
JOBS = tuple(job for job in called_file("verify").jobs if job.name != "result")
WORK = ("plan", "build", "check", "scan", "prepare")
SICK = {"status": "failed", "exit_code": 11, "reason": "sick", "error": ErrorInfo(class_="x", cause="it is hot")}
GOOD, BAD = NODES


def test_a_machine_has_one_label_or_several_and_a_name_that_files_may_have():
    assert nodes(LIST) == NODES
    assert nodes("") is None
    assert nodes(" []") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpu-01", "no JSON"),
        ('{"a": "b"}', "not a list"),
        ('["a", 1]', "not a list"),
        ('["a", ""]', "no label"),
        ('["a", []]', "not a list of labels"),
        ('["a b", "a-b"]', "names a-b twice"),
        ('["/"]', "no letter or digit"),
        (json.dumps([f"n{n}" for n in range(257)]), "257 machines"),
    ],
)
def test_a_list_that_is_none_is_refused_before_any_machine_is_asked_for(text, message):
    with pytest.raises(RunnerLabelError, match=message) as refused:
        nodes(text)
    assert refused.value.exit_code == 2
    assert refused.value.hint


def test_the_matrix_is_the_list_and_without_one_the_job_that_there_always_was():
    assert json.loads(matrix(NODES, ("gpu",)))["include"] == [
        {"node": "gpu-01", "labels": '["gpu-01"]'},
        {"node": "self-hosted-gpu-02", "labels": '["self-hosted", "gpu 02"]'},
    ]
    assert json.loads(matrix(None, ("a", "b"))) == {"include": [{"node": "", "labels": '["a", "b"]'}]}
    assert json.loads(matrix({}, ("gpu",))) == {"include": []}


def test_one_file_fans_out_over_machines_and_it_is_its_gpu_job():
    fans = {(file.name, job.name) for file in called_files() for job in file.jobs if job.fans == "node"}
    assert fans == {("verify", "train")}


@pytest.mark.parametrize("profile", PROFILES)
def test_every_matrix_is_plans_and_its_job_is_left_out_by_plan_when_it_is_empty(profile):
    fanned = [
        (name, job)
        for name, one in workflows(profile).items()
        for job in one["jobs"].values()
        if "outputs.nodes" in job.get("strategy", {}).get("matrix", "")
    ]
    assert [name for name, _ in fanned] == ["verify"]
    ((_, job),) = fanned
    assert job["strategy"]["fail-fast"] is False
    assert job["strategy"]["matrix"].startswith("${{ fromJSON(needs.plan.outputs.nodes || ")
    assert "contains(fromJSON(needs.plan.outputs.jobs || '[]'), 'train')" in job["if"]
    assert job["runs-on"] == "${{ fromJSON(matrix.labels || '[\"ubuntu-latest\"]') }}"
    assert job["env"]["MLOPS_CI_NODE"] == "${{ matrix.node }}"
    plan = workflows(profile)["verify"]["jobs"]["plan"]
    assert plan["outputs"]["nodes"] == "${{ steps.stages.outputs.nodes }}"
    names = [step["with"]["name"] for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
    assert all("matrix.node && format('{0}-', matrix.node) || ''" in name for name in names), "names of their own"
    assert job["outputs"]["exit-code"].startswith("${{ !matrix.node && ("), "of several jobs the last would be taken"


def planned(run, named=NODES):
    run.write(a_record(run, "plan", outputs={"nodes": {name: list(own) for name, own in named.items()}}))
    for stage in WORK[1:]:
        run.write(a_record(run, stage))


def hand_on(run, artifacts, node, attempt=1, **fields):
    run.write(a_record(run, "verify", **fields))
    return pack(run, job="train", attempt=attempt, stages=("verify",), target=artifacts, file="verify", node=node)


@pytest.fixture
def run(tmp_path):
    found = make_run(tmp_path / "one" / ".mlops")
    planned(found)
    pack(found, job="plan", attempt=1, stages=WORK, target=tmp_path / "artifacts", file="verify")
    return found


def together(tmp_path):
    found, _ = collect(tmp_path / "artifacts", tmp_path / "two" / ".mlops")
    return found


def ended(found, train="success"):
    ends = {job.name: JobEnd(result=train if job.name == "train" else "success") for job in JOBS}
    return outcome(JOBS, ends, found.records(), {}, looked(found))


@pytest.mark.parametrize("last", NODES)
@pytest.mark.parametrize("sick", NODES)
def test_one_that_is_sick_is_the_runs_own_record_whoever_handed_on_last(run, tmp_path, monkeypatch, sick, last):
    moments = count()
    monkeypatch.setattr(handover, "now", lambda: datetime.fromtimestamp(next(moments), UTC))
    for name in sorted(NODES, key=lambda one: one == last):
        hand_on(run, tmp_path / "artifacts", name, **(SICK if name == sick else {"outputs": {"verdict": "healthy"}}))
    found = together(tmp_path)
    assert found.record("verify").exit_code == 11
    result = ended(found, train="failure")
    assert (result.result, result.exit_code, result.worth_a_retry) == ("failed", 11, True)
    assert result.reason == f"train failed: {sick}: it is hot"
    told = facts(result, {}, found.records(), nodes=looked(found))["nodes"]
    (well,) = set(NODES) - {sick}
    assert told[well] == {"result": "passed", "exit_code": 0, "verdict": "healthy", "reason": ""}
    assert (told[sick]["result"], told[sick]["exit_code"], told[sick]["reason"]) == ("failed", 11, "it is hot")
    data = ReportData.read(found.folder)
    assert f"| {sick} | failed | it is hot |" in summary(data)
    assert f"| {well} | healthy |" in summary(data)
    for words in (sick, well, "it is hot"):
        assert words in html(data)


def test_all_are_well(run, tmp_path):
    for name in NODES:
        hand_on(run, tmp_path / "artifacts", name)
    assert (ended(together(tmp_path)).result, ended(together(tmp_path)).jobs["train"]) == ("passed", "passed")


def test_only_the_sick_one_is_tried_again(run, tmp_path):
    hand_on(run, tmp_path / "artifacts", GOOD)
    hand_on(run, tmp_path / "artifacts", BAD, **SICK)
    hand_on(run, tmp_path / "artifacts", BAD, attempt=2)
    found = together(tmp_path)
    assert [one.failed for one in looked(found)] == [None, None]
    assert ended(found).result == "passed"


@pytest.mark.parametrize(
    ("end", "code", "words"), [("success", 2, "has it expired?"), ("failure", 10, "has left no record")]
)
def test_one_whose_machine_was_lost_is_missed(run, tmp_path, end, code, words):
    hand_on(run, tmp_path / "artifacts", GOOD)
    found = together(tmp_path)
    result = ended(found, train=end)
    assert (result.result, result.exit_code) == ("failed", code)
    assert BAD in result.reason
    assert words in result.reason
    assert facts(result, {}, found.records(), nodes=looked(found))["nodes"][BAD]["result"] == "lost"


def test_a_list_without_a_machine_ends_as_skipped_with_the_reason(tmp_path):
    why = dict.fromkeys(("build", "check", "scan", "prepare", "verify", "train"), fanning.EMPTY)
    run = make_run(tmp_path)
    planned(run, {})
    ends = {job.name: JobEnd(result="success" if job.name == "plan" else "skipped") for job in JOBS}
    found = outcome(JOBS, ends, {"plan": run.record("plan")}, why, looked(run))
    assert (found.result, found.exit_code, found.reason) == ("skipped", 0, fanning.EMPTY)


def test_the_name_of_a_node_leads_nowhere(run, tmp_path):
    hand_on(run, tmp_path / "artifacts", GOOD)
    (path,) = (tmp_path / "artifacts").glob(f"train-{GOOD}-1/handover.json")
    path.write_text(path.read_text().replace(f'"node": "{GOOD}"', '"node": "../.."'))
    with pytest.raises(Exception, match="is no node"):
        together(tmp_path)
