"""The jobs that the one graph becomes."""

from __future__ import annotations

import pytest

from mlops_ci import pipeline
from mlops_ci.orchestrators.called import HEAD, TAIL, called_file, called_files
from mlops_ci.orchestrators.github.workflow import granted
from mlops_ci.orchestrators.jobs import MINUTES, job_of, jobs_of

ALL = jobs_of(pipeline.NAMES)
BY_NAME = {job.name: job for job in ALL}


def test_every_stage_is_in_one_job_and_their_order_is_the_graphs():
    assert tuple(stage for job in ALL for stage in job.stages) == pipeline.NAMES


def test_verify_and_train_share_the_gpu_job_and_it_is_the_only_one():
    assert BY_NAME["train"].stages == ("verify", "train")
    assert [job.name for job in ALL if job.runner == "gpu"] == ["train"]
    assert BY_NAME["train"].retry == (10, 11, 12)
    assert BY_NAME["train"].minutes is None


def test_check_goes_with_build():
    assert job_of("check") == "build"
    assert BY_NAME["build"].permissions == {"packages": "write"}


@pytest.mark.parametrize("file", called_files(), ids=lambda one: one.name)
def test_a_job_needs_the_jobs_of_what_its_stages_need(file):
    seen: set[str] = set()
    for job in file.jobs:
        assert set(job.needs) <= seen, job.name
        assert job.name == "plan" or "plan" in job.needs
        stages = () if job.beside else job.stages
        for need in (need for stage in stages for need in pipeline.stage(stage).needs):
            if need in {stage for one in file.jobs for stage in one.stages}:
                assert job_of(need) in {*job.needs, job.name}
        seen.add(job.name)


def test_the_canary_is_beside_the_night_and_nothing_but_the_page_waits_for_it():
    file = called_file("nightly")
    (canary,) = [job for one in called_files() for job in one.jobs if job.beside]
    assert file.job("canary") == canary
    assert {job.name for job in file.jobs if "canary" in job.needs} == {"result"}
    assert "evaluate" in canary.needs, "it takes no machine before the night has trained and judged"
    assert canary.command == ("mlops-ci", "nightly", "canary")
    assert canary.only_reads
    assert not canary.untrusted
    work = granted([job for job in file.jobs if not job.beside])
    assert granted([canary, *file.jobs]).items() <= work.items(), "callers grant no more than before"


def test_promote_and_deploy_are_guarded_and_alone():
    guarded = [job for job in ALL if job.guarded]
    assert [job.stages for job in guarded] == [("promote",), ("deploy",)]
    assert guarded[0].secrets == ("tracking",)


def test_no_secret_reaches_the_scan():
    assert BY_NAME["scan"].secrets == ()
    assert BY_NAME["scan"].permissions == {}


def test_who_writes_to_the_store_or_reads_what_was_written_may_ask_for_an_identity():
    assert [job.name for job in ALL if "id-token" in job.permissions] == ["publish", "deploy"]
    assert called_file("train").job("deploy").only_reads


def test_code_of_a_fork_reaches_no_gpu_no_data_and_no_store():
    assert [job.name for job in ALL if job.untrusted] == ["plan", "build", "scan", "result"]


def test_the_result_runs_always_and_counts_up_all_jobs():
    for file in called_files():
        assert file.jobs[-1].name == "result"
        assert file.jobs[-1].always
        assert set(file.jobs[-1].needs) == {job.name for job in file.jobs[:-1]}


def test_a_job_runs_its_stages_and_nothing_that_they_need():
    assert BY_NAME["train"].command == ("mlops-ci", "run", "verify", "train", "--only")


def test_limits_are_for_jobs_that_there_are():
    assert set(MINUTES) == set(BY_NAME) - {"train"}


def test_partial_files_can_leave_out_what_is_done():
    scan = called_file("scan")
    assert [(job.name, job.target) for job in scan.jobs] == [
        ("plan", True),
        ("build", False),
        ("scan", True),
        ("result", True),
    ]
    assert all(job.target for job in called_file("train").jobs)
    assert called_file("verify").job("train").stages == ("verify",)


def test_publish_goes_on_with_a_run_and_has_no_job_with_a_gpu():
    publish = called_file("publish")
    assert [job.name for job in publish.jobs] == ["plan", "publish", "promote", "deploy", "result"]
    assert publish.job("promote").needs == ("plan", "publish")
    assert publish.input("run-id").default is None
    deploy = publish.job("deploy")
    assert deploy == called_file("train").job("deploy"), "whichever file it is"
    assert deploy.only_reads


def test_every_file_has_the_same_head_and_tail():
    for file in called_files():
        assert [one.name for one in HEAD if one.name not in {each.name for each in file.inputs}] == []
        assert file.outputs == TAIL
    assert called_file("nightly").input("mode").default == "nightly"


def test_inputs_that_the_tool_reads_name_a_variable_once():
    variables = [one.variable for one in called_file("nightly").inputs if one.variable]
    assert len(variables) == len(set(variables))
    assert all(name.startswith("MLOPS_CI_") for name in variables)


def test_who_tells_people_remembers_it_in_the_store():
    tells = {file.name: file.job("result") for file in called_files() if "channels" in file.job("result").secrets}
    assert set(tells) == {"train", "publish", "nightly"}
    for job in tells.values():
        assert "store" in job.secrets
        assert job.permissions == {"id-token": "write"}
    assert not [job for file in called_files() for job in file.jobs if "channels" in job.secrets and not job.always]


@pytest.mark.parametrize("name", ["plan", "result"])
def test_a_nightly_leaves_its_stamps_in_the_store_by_key_or_by_role(name):
    nightly, train = called_file("nightly").job(name), called_file("train").job(name)
    assert "store" in nightly.secrets
    assert nightly.permissions == {**train.permissions, "id-token": "write"}
    assert "ping" in nightly.secrets
    assert "ping" not in train.secrets
    assert [job for job in called_file("nightly").jobs if job.name not in {"plan", "canary", "result"}] == [
        job for job in called_file("train").jobs if job.name not in {"plan", "result"}
    ]
