"""What one job hands on to the next, and how it becomes one run again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mlops_ci.records.codec import to_json
from mlops_ci.run.collect import check_needs, collect
from mlops_ci.run.handover import pack
from mlops_ci.run.run import HandoverError
from support.run_folder import a_record, make_run, write_files


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / "one" / ".mlops")


@pytest.fixture
def artifacts(tmp_path) -> Path:
    return tmp_path / "artifacts"


@pytest.fixture
def there(tmp_path) -> Path:
    """The other machine's `.mlops`."""
    return tmp_path / "two" / ".mlops"


def hand_on(run, artifacts, job, *stages, attempt=1, file="", files=None, **fields):
    write_files(run, files or {})
    for stage in stages:
        run.write(a_record(run, stage, **fields))
    return pack(run, job=job, attempt=attempt, stages=stages, target=artifacts, file=file)


def names(handover):
    return {ref.path.split("/", 2)[2] for ref in handover.files}


def test_a_run_arrives_whole_on_another_machine(run, artifacts, there):
    hand_on(run, artifacts, "plan", "plan", files={"logs/plan.log": "planned"})
    hand_on(
        run, artifacts, "build", "build", "check", files={"sbom/top.cdx.json": "{}", "check/job/outcome.json": "{}"}
    )
    found, handovers = collect(artifacts, there)
    assert [one.job for one in handovers] == ["plan", "build"]
    assert {name: to_json(one) for name, one in found.records().items()} == {
        name: to_json(one) for name, one in run.records().items()
    }
    assert found.path("sbom/top.cdx.json").read_text() == "{}"
    assert found.path("logs/plan.log").read_text() == "planned"


def test_copies_of_the_code_and_temporary_files_stay(run, artifacts):
    kept = {
        "train/job/metrics.jsonl": "",
        "train/outputs/work/of-the-user": "",
        "evaluate/challenger/output/m.json": "",
    }
    left = {
        "train/work/train.py": "",
        "train/tmp/x": "",
        "evaluate/challenger/work/train.py": "",
        "champion/model/m": "",
    }
    write_files(run, kept | left)
    found = names(hand_on(run, artifacts, "train", "train", "evaluate"))
    assert set(kept) <= found
    assert not set(left) & found


def test_a_finished_training_hands_on_the_checkpoint_that_its_record_names(run, artifacts):
    write_files(run, {"train/checkpoints/1": "old", "train/checkpoints/2": "new"})
    checkpoint = to_json(run.file(run.path("train/checkpoints/2")))
    found = names(hand_on(run, artifacts, "train", "train", outputs={"checkpoint": checkpoint}))
    assert "train/checkpoints/2" in found
    assert "train/checkpoints/1" not in found


def test_an_unfinished_training_hands_on_all_checkpoints_to_resume_from(run, artifacts):
    files = {"train/checkpoints/1": "old", "train/checkpoints/2": "new"}
    found = names(hand_on(run, artifacts, "train", "train", files=files, status="failed", exit_code=12))
    assert set(files) <= found


def test_the_newest_attempt_of_each_job_counts(run, artifacts, there):
    hand_on(run, artifacts, "plan", "plan")
    hand_on(run, artifacts, "train", "train", attempt=9, status="failed", exit_code=10)
    hand_on(run, artifacts, "train", "train", attempt=10)
    found, handovers = collect(artifacts, there)
    assert [(one.job, one.attempt) for one in handovers] == [("plan", 1), ("train", 10)]
    assert found.record("train").status == "passed"
    assert found.path("records/attempts/train.1.json").exists()


def test_of_two_files_with_a_job_of_that_name_the_last_one_counts_whatever_its_id(run, artifacts, there, monkeypatch):
    """Ids of GitLab count the tries of one job; the job of a file that goes on may have been given a lower one."""
    moments = iter(f"2026-11-26T08:00:0{second}.000Z" for second in range(9))
    monkeypatch.setattr("mlops_ci.run.handover.stamp", lambda _: next(moments))
    for file, attempt in (("train", 900), ("publish", 20), ("publish", 10)):
        hand_on(run, artifacts, "plan", "plan", attempt=attempt, file=file, reason=f"{file} {attempt}")
    found, handovers = collect(artifacts, there)
    assert [(one.file, one.attempt) for one in handovers] == [("publish", 20)]
    assert found.record("plan").reason == "publish 20"


@pytest.mark.parametrize("order", [("promote", "approve"), ("approve", "promote")])
def test_of_two_jobs_that_ran_a_stage_the_later_one_counts(run, artifacts, there, monkeypatch, order):
    """A person's approval takes the place of what waited for it, and a later promotion that of an earlier approval."""
    moments = iter(f"2026-11-26T08:00:0{second}.000Z" for second in range(9))
    monkeypatch.setattr("mlops_ci.run.handover.stamp", lambda _: next(moments))
    for job in order:
        files = {"approval.json": "{}"} if job == "approve" else {}
        hand_on(run, artifacts, job, "promote", reason=job, files=files)
    found, _ = collect(artifacts, there)
    assert found.record("promote").reason == order[-1]
    assert found.path("approval.json").is_file()


def test_what_a_job_did_counts_and_not_that_it_was_left_out_before(run, artifacts, there):
    """A dry run, whose last job notes what no job ran; another file then publishes it and promotes it."""
    hand_on(run, artifacts, "plan", "plan")
    hand_on(run, artifacts, "result", "publish", "promote", "report", status="skipped", reason="dry run")
    hand_on(run, artifacts, "publish", "publish")
    found, _ = collect(artifacts, there)
    assert {name: one.status for name, one in found.records().items()} == {
        "plan": "passed",
        "publish": "passed",
        "promote": "skipped",
        "report": "skipped",
    }
    check_needs(found, ["promote"])


def test_what_comes_after_a_promotion_that_waits_for_a_human_begins_and_sees_that(run, artifacts, there):
    hand_on(run, artifacts, "plan", "plan")
    hand_on(run, artifacts, "publish", "publish")
    hand_on(run, artifacts, "promote", "promote", status="waiting", reason="a human must approve")
    found, _ = collect(artifacts, there)
    check_needs(found, ["deploy"])


def test_the_embedded_stores_go_along_and_the_last_job_wins(tmp_path, run, artifacts, there):
    store = tmp_path / "one" / ".mlops" / "mlflow"
    store.mkdir()
    for job, content in (("train", "one run"), ("publish", "and a version")):
        (store / "mlflow.db").write_text(content)
        pack(run, job=job, attempt=1, stages=(job,), target=artifacts, extra=[store])
    collect(artifacts, there)
    assert (there / "mlflow" / "mlflow.db").read_text() == "and a version"


def test_a_single_artifact_may_be_unpacked_into_the_folder_itself(run, artifacts, there):
    hand_on(run, artifacts, "plan", "plan")
    assert collect(artifacts / "plan-1", there)[0].id == run.id


def test_a_file_of_the_user_named_like_our_manifest_is_only_a_file(run, artifacts, there):
    hand_on(run, artifacts, "train", "train", files={"train/outputs/handover.json": "not ours"})
    assert collect(artifacts, there)[0].id == run.id


def test_runs_are_told_apart(tmp_path, run, artifacts, there):
    other = make_run(tmp_path / "other" / ".mlops")
    hand_on(run, artifacts, "plan", "plan")
    pack(other, job="plan", attempt=2, stages=("plan",), target=artifacts)
    with pytest.raises(HandoverError, match="several runs"):
        collect(artifacts, there)
    assert collect(artifacts, there, run.id)[0].id == run.id


def test_nothing_handed_on_is_said(artifacts, there):
    artifacts.mkdir()
    with pytest.raises(HandoverError, match="nothing of run"):
        collect(artifacts, there, "20260102-030405-abcdef")


@pytest.mark.parametrize("damage", ["missing", "changed", "shorter", "link"])
def test_a_file_that_was_lost_or_changed_on_the_way_is_named(run, artifacts, there, damage):
    hand_on(run, artifacts, "build", "build", files={"sbom/top.cdx.json": "content"})
    (path,) = artifacts.rglob("top.cdx.json")
    path.unlink()
    if damage == "link":
        path.symlink_to(artifacts / "build-1" / "handover.json")
    elif damage != "missing":
        path.write_text("CONTENT" if damage == "changed" else "c")
    with pytest.raises(HandoverError, match=r"sbom/top\.cdx\.json"):
        collect(artifacts, there)
    assert not there.exists()


def test_a_file_that_a_record_names_and_nobody_packed_is_refused(run, artifacts, there):
    reference = {"path": "sbom/gone.json", "bytes": 1, "sha256": "0" * 64}
    hand_on(run, artifacts, "build", "build", outputs={"sbom": [reference]})
    with pytest.raises(HandoverError, match=r"sbom/gone\.json is missing"):
        collect(artifacts, there)


@pytest.mark.parametrize("path", ["../../outside", "/etc/passwd", "runs/../../x"])
def test_a_manifest_cannot_write_elsewhere(run, artifacts, there, path):
    hand_on(run, artifacts, "plan", "plan")
    manifest = artifacts / "plan-1" / "handover.json"
    data = json.loads(manifest.read_text())
    data["files"][0]["path"] = path
    manifest.write_text(json.dumps(data))
    with pytest.raises(HandoverError, match="lies outside"):
        collect(artifacts, there)


def test_what_a_job_needs_must_have_arrived(run, artifacts, there):
    hand_on(run, artifacts, "plan", "plan")
    found, _ = collect(artifacts, there)
    check_needs(found, ("build", "check"))
    with pytest.raises(HandoverError, match="scan needs build, which has left no record"):
        check_needs(found, ("scan",))


def test_a_failed_need_is_none(run, artifacts, there):
    hand_on(run, artifacts, "build", "build", status="failed", exit_code=1)
    with pytest.raises(HandoverError, match="which has failed"):
        check_needs(collect(artifacts, there)[0], ("scan",))


def test_collecting_twice_gives_the_same(run, artifacts, there):
    hand_on(run, artifacts, "plan", "plan")
    collect(artifacts, there)
    shutil.rmtree(there / "runs" / run.id / "logs", ignore_errors=True)
    assert collect(artifacts, there)[0].record("plan").status == "passed"


def test_trials_go_along_without_their_copies_of_the_code_and_so_does_the_smoke_run_before_them(run, artifacts):
    kept = {
        "train/trials/1/trial.json": "{}",
        "train/trials/2/checkpoints/latest.json": "{}",
        "train/trials/2/job/metrics.jsonl": "",
        "logs/train.trial-1.log": "",
        "logs/smoke.log": "",
    }
    left = {"train/trials/1/work/train.py": "", "train/trials/2/tmp/x": ""}
    run.write(a_record(run, "smoke"))
    found = names(hand_on(run, artifacts, "gpu", "train", files={**kept, **left}, status="failed"))
    assert {*kept, "records/smoke.json"} <= found
    assert not set(left) & found
