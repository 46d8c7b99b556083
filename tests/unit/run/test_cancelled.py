"""The record that says `cancelled` when nothing else could."""

from __future__ import annotations

import pytest

from mlops_ci.files import write_json
from mlops_ci.records.codec import to_json
from mlops_ci.run.cancelled import note_cancelled
from support.run_folder import a_record, make_run


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path)


def test_the_stage_that_was_running_is_cancelled(run):
    run.write(a_record(run, "verify"))
    write_json(run.running, to_json(a_record(run, "train", attempt=2, status="failed", fingerprint="g")))
    record = note_cancelled(run, ("verify", "train"))
    assert record == run.record("train")
    assert (record.status, record.exit_code, record.reason) == ("failed", 143, "cancelled")
    assert (record.attempt, record.fingerprint) == (2, "g")
    assert record.seconds > 0
    assert not run.running.exists()


def test_a_job_that_was_cancelled_before_it_began(run):
    run.write(a_record(run, "verify"))
    record = note_cancelled(run, ("verify", "train"))
    assert (record.stage, record.reason, record.attempt) == ("train", "cancelled", 1)


def test_a_stage_that_has_failed_by_itself_keeps_its_record(run):
    run.write(a_record(run, "train", status="failed", exit_code=20, reason="your code"))
    assert note_cancelled(run, ("train",)) is None
    assert run.record("train").exit_code == 20


def test_what_is_done_stays_done(run):
    run.write(a_record(run, "build"))
    run.write(a_record(run, "check", status="skipped"))
    assert note_cancelled(run, ("build", "check")) is None


def test_the_stage_of_another_job_is_not_ours_to_cancel(run):
    write_json(run.running, to_json(a_record(run, "scan")))
    record = note_cancelled(run, ("build",))
    assert record.stage == "build"
    assert run.record("scan") is None
