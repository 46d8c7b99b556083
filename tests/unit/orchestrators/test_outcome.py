"""How a pipeline of several jobs ended."""

from __future__ import annotations

import json

import pytest

from mlops_ci import pipeline
from mlops_ci.orchestrators.called import called_file
from mlops_ci.orchestrators.outcome import JobEnd, NeedsFormatError, facts, outcome, read_needs
from mlops_ci.records.record import ErrorInfo
from support.run_folder import a_record, make_run

JOBS = tuple(job for job in called_file("train").jobs if job.name != "result")
WORK = tuple(name for name in pipeline.NAMES if name != "report")


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path)


def records(run, *stages, **changed):
    return {name: a_record(run, name, **changed.get(name, {})) for name in stages or WORK}


def failed(code, cause="because"):
    return {
        "status": "failed",
        "exit_code": code,
        "reason": cause,
        "error": ErrorInfo(class_="x", cause=cause),
    }


def ends(**results):
    return {job.name: JobEnd(result=results.get(job.name, "success")) for job in JOBS}


def test_all_passed(run):
    found = outcome(JOBS, ends(), records(run), {})
    assert (found.result, found.exit_code) == ("passed", 0)
    assert set(found.jobs.values()) == {"passed"}


def test_the_first_failure_in_the_graphs_order_counts(run):
    all_records = records(run, *WORK[:7], scan=failed(1, "findings"), train=failed(20))
    found = outcome(JOBS, ends(scan="failure", train="failure"), all_records, {})
    assert (found.result, found.exit_code) == ("failed", 1)
    assert found.reason == "scan failed: findings"


def test_a_job_that_was_skipped_for_no_reason_is_a_failure(run):
    found = outcome(JOBS, ends(publish="skipped", promote="skipped"), records(run, *WORK[:8]), {})
    assert (found.result, found.exit_code) == ("failed", 4)
    assert "publish did not run" in found.reason


def test_a_job_that_plan_left_out_is_none(run):
    left_out = dict.fromkeys(("publish", "promote", "deploy"), "dry run")
    found = outcome(JOBS, ends(**dict.fromkeys(left_out, "skipped")), records(run, *WORK[:8]), left_out)
    assert (found.result, found.exit_code, found.reason) == ("passed", 0, "dry run")
    assert found.jobs["publish"] == "left out"


def test_what_was_left_out_stays_so_after_its_record_is_written(run):
    found = outcome(JOBS, ends(promote="skipped"), records(run, promote={"status": "skipped"}), {"promote": "dry run"})
    assert (found.result, found.jobs["promote"], found.reason) == ("passed", "left out", "dry run")


def test_when_everything_was_left_out_the_result_is_skipped(run):
    left_out = dict.fromkeys(WORK[1:], "nothing is new")
    found = outcome(
        JOBS, ends(**dict.fromkeys((job.name for job in JOBS[1:]), "skipped")), records(run, "plan"), left_out
    )
    assert (found.result, found.exit_code, found.reason) == ("skipped", 0, "nothing is new")


def test_a_machine_that_was_lost_is_infrastructure(run):
    found = outcome(JOBS, ends(train="failure"), records(run, *WORK[:5]), {})
    assert found.exit_code == 10
    assert "left no record" in found.reason


def test_a_job_that_failed_before_any_record_tells_its_exit_code(run):
    told = {**ends(), "plan": JobEnd(result="failure", outputs={"exit-code": "2"})}
    assert outcome(JOBS, told, {}, {}).exit_code == 2


def test_a_job_that_failed_in_another_way_than_its_earlier_attempt_tells_its_own_exit_code(run):
    earlier = records(run, *WORK[:7], train=failed(20, "a mistake in train.py"))
    told = {**ends(), "train": JobEnd(result="failure", outputs={"exit-code": "2"})}
    found = outcome(JOBS, told, earlier, {})
    assert (found.exit_code, found.worth_a_retry) == (2, False)
    assert found.reason == "train failed: it has left no record: see its log"
    same = {**ends(), "train": JobEnd(result="failure", outputs={"exit-code": "20"})}
    assert outcome(JOBS, same, earlier, {}).reason == "train failed: a mistake in train.py"


def test_a_job_that_passed_and_whose_records_are_gone(run):
    there = records(run, *(stage for stage in WORK if stage != "scan"))
    found = outcome(JOBS, ends(), there, {})
    assert (found.result, found.exit_code, found.worth_a_retry) == ("failed", 2, False)
    assert found.reason.startswith("scan was lost: it ended well, and what it handed on is gone")


def test_a_cancelled_job(run):
    found = outcome(JOBS, ends(train="cancelled"), records(run, *WORK[:6]), {})
    assert (found.result, found.exit_code) == ("failed", 143)


def test_without_the_systems_word_the_records_tell(run):
    assert outcome(JOBS, {}, records(run), {}).result == "passed"
    assert outcome(JOBS, {}, records(run, *WORK[:5]), {}).exit_code == 4
    cancelled = {"status": "failed", "exit_code": 143, "reason": "cancelled"}
    assert outcome(JOBS, {}, records(run, *WORK[:7], train=cancelled), {}).reason.startswith("train was cancelled")


def test_a_promotion_that_waits_is_no_failure(run):
    found = outcome(JOBS, ends(), records(run, promote={"status": "waiting"}), {})
    assert (found.result, found.jobs["promote"]) == ("passed", "waits")


def test_githubs_needs_are_read():
    text = json.dumps({"plan": {"result": "success", "outputs": {"run-id": "r"}}, "build": {"result": "skipped"}})
    assert read_needs(text)["plan"] == JobEnd(result="success", outputs={"run-id": "r"})
    assert read_needs("") == {}


@pytest.mark.parametrize("text", ["{", "[]", '{"plan": {}}', '{"plan": 1}', "null"])
def test_needs_that_are_none(text):
    with pytest.raises(NeedsFormatError):
        read_needs(text)


def test_where_nothing_was_promoted_no_job_deploys_and_that_is_no_failure(run):
    stays = {"outputs": {"alias": "champion", "from": "2", "to": "2"}}
    known = {name: one for name, one in records(run, promote=stays).items() if name != "deploy"}
    found = outcome(JOBS, ends(deploy="skipped"), known, {})
    assert (found.result, found.jobs["deploy"]) == ("passed", "left out")
    moved = {"outputs": {"alias": "champion", "from": "2", "to": "3"}}
    lost = {name: one for name, one in records(run, promote=moved).items() if name != "deploy"}
    assert outcome(JOBS, ends(deploy="skipped"), lost, {}).exit_code == 4, "there was something to deploy"


def test_what_a_person_has_approved_before_the_jobs_are_counted_is_another_jobs_to_deploy(run):
    moved = {"outputs": {"alias": "champion", "from": "1", "to": "2", "approved_by": "reviewers"}}
    approved = {name: one for name, one in records(run, promote=moved).items() if name != "deploy"}
    found = outcome(JOBS, ends(deploy="skipped"), approved, {})
    assert (found.result, found.jobs["promote"], found.jobs["deploy"]) == ("passed", "passed", "left out")
    assert "reviewers" in found.reason
    assert "deploy-approved" in found.reason
    assert outcome(JOBS, ends(), approved, {}).jobs["deploy"] == "was lost", "its own job has ended well"
    told = records(run, promote=moved, deploy={"status": "failed", "exit_code": 1})
    assert outcome(JOBS, ends(deploy="skipped"), told, {}).exit_code == 1, "counted again when that job has failed"


def test_the_facts_name_the_image_that_serves(run):
    image = {"image": {"pinned": "r.example/digits-serve@sha256:1"}}
    told = facts(outcome(JOBS, ends(), records(run), {}), {}, records(run, deploy={"outputs": image}))
    assert told["deployed"] == "r.example/digits-serve@sha256:1"
    again = records(run, deploy={"status": "skipped", "outputs": image})
    assert facts(outcome(JOBS, ends(), again, {}), {}, again)["deployed"] is None


def test_the_facts_name_digests_and_no_file(run):
    found = records(
        run,
        build={"outputs": {"images": {"train": {"digest": "sha256:1", "ref": "env:/secret/place"}}}},
        evaluate={"outputs": {"verdict": "promote", "metrics": {"loss": 0.5}}},
        publish={"outputs": {"model": {"name": "m", "version": "3"}}},
        promote={"outputs": {"alias": "champion", "from": None, "to": "3"}},
    )
    told = facts(outcome(JOBS, ends(), found, {}), {"run": run.id}, found)
    assert told["images"] == {"train": "sha256:1"}
    assert told["model"] == {"name": "m", "version": "3"}
    assert told["promoted"] is True
    assert told["stages"]["train"] == {"status": "passed", "exit_code": 0, "attempt": 1, "seconds": 1.0}
    assert "place" not in json.dumps(told)


def test_left_out_is_left_out_whether_or_not_its_records_say_so(run):
    why = dict.fromkeys(WORK[1:], "nothing is new")
    skipped = {"status": "skipped", "reason": "nothing is new"}
    jobs = ends(**{job.name: "skipped" for job in JOBS if job.name != "plan"})
    written = {**records(run, "plan"), **{name: a_record(run, name, **skipped) for name in WORK[1:]}}
    for found in (outcome(JOBS, jobs, written, why), outcome(JOBS, jobs, records(run, "plan"), why)):
        assert (found.result, found.exit_code, found.reason) == ("skipped", 0, "nothing is new")


def test_a_canary_is_told_and_counts_for_nothing(run):
    night = tuple(job for job in called_file("nightly").jobs if job.name != "result" and not job.beside)
    found = outcome(night, {**ends(), "canary": JobEnd(result="failure")}, records(run), {})
    assert (found.result, found.exit_code) == ("passed", 0)
    outputs = {"overlay": "next", "verdict": None, "stage": "train"}
    canary = a_record(run, "canary", **failed(20), outputs=outputs)
    told = facts(found, {}, records(run), canary)["canary"]
    assert (told["status"], told["class"], told["overlay"], told["stage"]) == ("failed", "x", "next", "train")
    assert "canary" not in facts(found, {}, records(run))
