"""The run directory: records written last, earlier attempts kept, hand-over checked."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mlops_ci.records.codec import RecordFormatError
from mlops_ci.records.record import FileRef, Record
from mlops_ci.run.run import (
    RUN_ID,
    HandoverError,
    Lineage,
    UnknownRunError,
    create,
    new_info,
    new_run_id,
    open_run,
    run_ids,
    unfinished,
)

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LINEAGE = Lineage(
    commit="c", commit_time=None, branch="main", dirty=False, diff_sha256=None, code_sha256="x", config_sha256="y"
)


def make(runs, plan="p"):
    return create(
        runs,
        new_info(
            moment=MOMENT,
            project="demo",
            plan=plan,
            mode=None,
            engine="host",
            variant="cpu",
            provider="local",
            lineage=LINEAGE,
            links={},
        ),
    )


def record(run, stage, status="passed", attempt=1):
    return Record(
        run=run.id,
        stage=stage,
        attempt=attempt,
        status=status,
        exit_code=0,
        reason="",
        started_at="",
        finished_at="",
        seconds=0.0,
        fingerprint="f",
        version="0",
        provider="local",
        engine="host",
        variant="cpu",
        host="h",
    )


def test_ids_sort_by_time():
    assert new_run_id(MOMENT).startswith("20260102-030405-")
    assert len({new_run_id(MOMENT) for _ in range(20)}) > 1, "two machines may start at the same moment"


def test_of_two_runs_of_one_second_the_later_is_the_newest():
    made = [new_run_id(MOMENT.replace(microsecond=one)) for one in (0, 1_000, 250_000, 999_999)]
    assert made == sorted(made)
    assert all(RUN_ID.fullmatch(one) for one in made)


def test_a_run_can_be_opened_again(tmp_path):
    run = make(tmp_path)
    assert open_run(tmp_path, run.id) == run
    assert open_run(tmp_path, "latest") == run


def test_a_folder_without_run_json_is_no_run(tmp_path):
    (tmp_path / "20260102-030405-abcdef").mkdir()
    assert run_ids(tmp_path) == []
    with pytest.raises(UnknownRunError, match="there is no run"):
        open_run(tmp_path, "latest")


def test_an_earlier_attempt_is_kept_under_its_number(tmp_path):
    run = make(tmp_path)
    run.write(record(run, "train", "failed"))
    assert run.next_attempt("train") == 2
    run.write(record(run, "train", attempt=2))
    assert run.record("train").status == "passed"
    kept = json.loads(run.path("records", "attempts", "train.1.json").read_text())
    assert kept["status"] == "failed"


def test_an_unfinished_run_with_the_same_plan_is_gone_on_with(tmp_path):
    run = make(tmp_path)
    assert unfinished(tmp_path, "p") == run
    assert unfinished(tmp_path, "other") is None
    run.write(record(run, "promote"))
    assert unfinished(tmp_path, "p") == run
    run.write(record(run, "report"))
    assert unfinished(tmp_path, "p") is None


def test_a_run_that_repeats_another_is_neither_the_latest_nor_gone_on_with(tmp_path):
    first = make(tmp_path)
    again = create(tmp_path, replace(first.info, run="20270102-030405-abcdef", reproduces=first.id))
    assert open_run(tmp_path, "latest") == first
    assert unfinished(tmp_path, "p") == first
    assert open_run(tmp_path, again.id) == again


def test_a_run_that_waits_for_a_human_is_not_finished(tmp_path):
    run = make(tmp_path)
    run.write(record(run, "promote", "waiting"))
    run.write(record(run, "report"))
    assert unfinished(tmp_path, "p") == run


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": "mlops-ci/record/1"}'])
def test_a_damaged_record_is_told(tmp_path, content):
    run = make(tmp_path)
    run.path("records", "train.json").write_text(content)
    with pytest.raises(RecordFormatError):
        run.record("train")


def test_a_record_of_another_stage_under_this_name_is_refused(tmp_path):
    run = make(tmp_path)
    run.write(record(run, "train"))
    run.path("records", "train.json").rename(run.path("records", "verify.json"))
    with pytest.raises(RecordFormatError, match="of stage train"):
        run.record("verify")


def test_files_are_checked_when_they_are_handed_over(tmp_path):
    run = make(tmp_path)
    path = run.path("train", "model.bin")
    path.parent.mkdir()
    path.write_bytes(b"weights")
    ref = run.file(path)
    assert ref == FileRef(path="train/model.bin", bytes=7, sha256=ref.sha256)
    assert run.open(ref) == path
    path.write_bytes(b"Weights")
    with pytest.raises(HandoverError, match="not what the record says"):
        run.open(ref)
    path.unlink()
    with pytest.raises(HandoverError, match="missing"):
        run.open(ref)
    with pytest.raises(HandoverError):
        run.outputs("train", FileRef)


def test_a_record_counts_as_done_when_passed_or_skipped(tmp_path):
    run = make(tmp_path)
    one = record(run, "train")
    assert [replace(one, status=status).done for status in ("passed", "skipped", "failed", "waiting")] == [
        True,
        True,
        False,
        False,
    ]
