"""A run handed on through an object store: what counts, what travels, and what must be refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_ci.publishing import parts
from mlops_ci.publishing.gather import gather
from mlops_ci.publishing.parts import PartError, push
from mlops_ci.records.codec import to_json
from mlops_ci.run.collect import check_needs, collect, large_files
from mlops_ci.run.handover import pack
from mlops_ci.run.nodes import looked
from mlops_ci.run.run import HandoverError
from mlops_ci.stores.errors import ObjectDamagedError, StoreConflictError, StoreUnreachableError
from mlops_ci.stores.local import LocalStore
from support.run_folder import a_record, make_run, write_files

MODEL = "train/model/model.safetensors"


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / "one" / ".mlops")


@pytest.fixture
def store(tmp_path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def there(tmp_path) -> Path:
    """The other machine's `.mlops`."""
    return tmp_path / "two" / ".mlops"


def hand_on(store, run, job, *stages, attempt=1, files=None, **fields):
    write_files(run, files or {})
    for stage in stages:
        run.write(a_record(run, stage, **fields))
    return push(store, run, job=job, attempt=attempt, stages=stages)


def trained(store, run):
    """A run whose training left a model, which its record names."""
    write_files(run, {MODEL: "weights" * 1000, "train/job/metrics.jsonl": "{}"})
    return hand_on(store, run, "train", "train", outputs={"model": [to_json(run.file(run.path(MODEL)))]})


def stored(tmp_path, pattern) -> Path:
    (found,) = (tmp_path / "store" / "handover").glob(pattern)
    return found


def replace_text(path: Path, text: str) -> None:
    path.chmod(0o644)
    path.write_text(text)


def test_a_run_arrives_whole_on_another_machine(store, run, there):
    hand_on(store, run, "plan", "plan", files={"logs/plan.log": "planned"})
    hand_on(store, run, "build", "build", "check", files={"sbom/top.cdx.json": "{}"})
    found = gather(store, run.id, there)
    assert {one.job for one in found.parts} == {"plan", "build"}
    assert {name: to_json(one) for name, one in found.run.records().items()} == {
        name: to_json(one) for name, one in run.records().items()
    }
    assert found.run.path("logs/plan.log").read_text() == "planned"
    assert not (there / "handover" / "fetched").exists()


def test_the_newest_attempt_counts_and_of_one_attempt_what_was_handed_on_last(store, run, there, monkeypatch):
    hand_on(store, run, "build", "build", attempt=9, status="failed")
    hand_on(store, run, "build", "build", attempt=10, status="failed", reason="killed")
    monkeypatch.setattr(parts, "stamp", lambda _: "2999-01-01T00:00:00.000Z")
    hand_on(store, run, "build", "build", attempt=10, status="failed", reason="cancelled")
    found = gather(store, run.id, there)
    assert [one.attempt for one in found.parts] == [10]
    assert found.run.record("build").reason == "cancelled"


@pytest.mark.parametrize("names", [("gpu-01", "gpu-02"), ("1", "01"), ("rack-3-1", "rack-3")])
def test_the_jobs_of_several_nodes_are_told_apart_by_name_and_attempt(store, run, there, names):
    hand_on(store, run, "plan", "plan", outputs={"nodes": {name: [name] for name in names}})
    for name in names:
        for attempt in (1, 2):
            run.write(a_record(run, "verify", reason=f"{name} {attempt}"))
            push(store, run, job="train", attempt=attempt, stages=("verify",), file="verify", node=name)
    found = gather(store, run.id, there)
    assert sorted((one.job, one.node, one.attempt) for one in found.parts) == [
        ("plan", "", 1),
        *sorted(("train", name, 2) for name in names),
    ]
    assert [one.records["verify"].reason for one in looked(found.run)] == [f"{name} 2" for name in names]


def test_nothing_travels_twice(store, run, there):
    first = trained(store, run)
    assert (first.uploaded, first.reused) == (4, 0)
    again = push(store, run, job="train", attempt=2, stages=("train",))
    assert (again.uploaded, again.reused) == (0, 4)
    assert gather(store, run.id, there).files == 4
    assert (gather(store, run.id, there).files, gather(store, run.id, there).bytes) == (0, 0)


def test_equal_files_are_one_object_and_each_has_its_name(store, run, there):
    done = hand_on(store, run, "scan", "scan", files={"scan/a.json": "[]", "scan/b.json": "[]"})
    assert done.uploaded == len(done.handover.files) - 1
    found = gather(store, run.id, there)
    assert [found.run.path(f"scan/{name}.json").read_text() for name in "ab"] == ["[]", "[]"]


def test_models_stay_in_the_store_for_who_does_not_read_them_and_are_still_vouched_for(store, run, there, tmp_path):
    trained(store, run)
    found = gather(store, run.id, there, light=True)
    assert not found.run.path(MODEL).exists()
    assert found.run.path("train/job/metrics.jsonl").is_file()
    assert [ref.path for ref in found.parts[0].elsewhere] == [f"runs/{run.id}/{MODEL}"]

    # And so on: what such a job packs for others says where the model is.
    light = pack(
        found.run,
        job="result",
        attempt=1,
        stages=("train",),
        target=tmp_path / "artifact",
        elsewhere=large_files(found.run),
    )
    assert not any("model" in ref.path for ref in light.files)
    third, _ = collect(tmp_path / "artifact", tmp_path / "three" / ".mlops")
    assert third.record("train").done


def test_a_model_that_nobody_left_elsewhere_is_missed(store, run, there):
    hand_on(store, run, "train", "train", outputs={"model": [{"path": MODEL, "bytes": 3, "sha256": "0" * 64}]})
    with pytest.raises(HandoverError, match=r"model\.safetensors is missing"):
        gather(store, run.id, there, light=True)


def test_killed_before_its_manifest_a_job_has_handed_on_nothing(store, run, there, monkeypatch):
    hand_on(store, run, "plan", "plan")

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "put_bytes", killed)
    with pytest.raises(KeyboardInterrupt):
        hand_on(store, run, "build", "build", files={"sbom/top.cdx.json": "{}"})
    monkeypatch.undo()
    found = gather(store, run.id, there)
    assert [one.job for one in found.parts] == ["plan"]
    with pytest.raises(HandoverError, match="scan needs build, which has left no record"):
        check_needs(found.run, ("scan",))
    done = push(store, run, job="build", attempt=1, stages=("build",))
    assert done.uploaded == 0, "the next call uses what the killed one left"
    assert {one.job for one in gather(store, run.id, there).parts} == {"plan", "build"}


@pytest.mark.parametrize("text", ["{}", '{"schema": "mlops-ci/handover/1"', ""])
def test_a_manifest_that_was_changed_is_refused(store, run, there, tmp_path, text):
    hand_on(store, run, "plan", "plan")
    replace_text(stored(tmp_path, "*/parts/plan-1-*"), text)
    with pytest.raises(PartError, match="damaged or changed") as raised:
        gather(store, run.id, there)
    assert raised.value.exit_code == 4
    assert not (there / "runs").exists()


def test_a_manifest_of_another_job_or_attempt_is_refused(store, run, there, tmp_path):
    hand_on(store, run, "plan", "plan")
    part = stored(tmp_path, "*/parts/plan-1-*")
    part.rename(part.with_name(part.name.replace("plan-1-", "plan-7-")))
    with pytest.raises(PartError, match="says that it is something else"):
        gather(store, run.id, there)


def test_a_file_that_was_changed_or_cut_off_is_refused_and_nothing_is_put_anywhere(store, run, there, tmp_path):
    hand_on(store, run, "plan", "plan", files={"logs/plan.log": "planned"})
    key = next(ref for ref in gather(store, run.id, there).parts[0].files if ref.path.endswith("plan.log")).sha256
    for text in ("PLANNED", "plan"):
        replace_text(stored(tmp_path, f"*/files/{key}"), text)
        with pytest.raises(ObjectDamagedError) as raised:
            gather(store, run.id, tmp_path / "three" / ".mlops")
        assert raised.value.exit_code == 4
        assert not (tmp_path / "three" / ".mlops" / "runs").exists()
    with pytest.raises(StoreConflictError):
        push(store, run, job="plan", attempt=2, stages=("plan",))


def test_a_file_that_is_gone_is_named_with_what_to_do(store, run, there, tmp_path):
    hand_on(store, run, "plan", "plan", files={"logs/plan.log": "planned"})
    for path in (tmp_path / "store" / "handover" / run.id / "files").iterdir():
        path.unlink()
    with pytest.raises(HandoverError, match="is gone") as raised:
        gather(store, run.id, there)
    assert "Run the pipeline again as a whole" in raised.value.hint
    assert raised.value.exit_code == 2


def test_a_run_of_which_there_is_nothing_and_no_run_at_all(store, run, there):
    with pytest.raises(HandoverError, match="nothing of run"):
        gather(store, run.id, there)
    with pytest.raises(HandoverError, match="is no run"):
        gather(store, "../models", there)


def test_a_path_that_leads_out_of_the_workspace_is_refused(store, run, there):
    done = hand_on(store, run, "plan", "plan")
    bad = replace(done.handover, files=(replace(done.handover.files[0], path="../outside"),), attempt=2)
    parts._commit(store, bad)
    with pytest.raises(HandoverError, match="lies outside"):
        gather(store, run.id, there)
    assert not (there.parent / "outside").exists()


def test_a_store_that_cannot_be_asked_is_an_error_of_its_own(store, run, there, monkeypatch):
    def down(*_, **__):
        raise StoreUnreachableError("no answer", hint="")

    hand_on(store, run, "plan", "plan")
    monkeypatch.setattr(store, "download_files", down)
    with pytest.raises(StoreUnreachableError) as raised:
        gather(store, run.id, there)
    assert raised.value.exit_code == 10
    assert not (there / "runs").exists()


def test_the_manifest_holds_names_sizes_and_digests_alone(store, run, tmp_path):
    trained(store, run)
    manifest = json.loads(stored(tmp_path, "*/parts/train-1-*").read_text())
    known = {"schema", "run", "job", "attempt", "packed_at", "stages", "files", "elsewhere", "file", "node"}
    assert set(manifest) == known
    assert all(set(one) == {"path", "bytes", "sha256"} for one in manifest["files"])
