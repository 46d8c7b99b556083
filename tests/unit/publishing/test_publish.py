from __future__ import annotations

import hashlib
import json

import pytest

from mlops_ci.publishing.fetch import FetchTargetError, fetch
from mlops_ci.publishing.inventory import manifests, orphans
from mlops_ci.publishing.manifest import ArtifactNameError, ManifestError
from mlops_ci.publishing.publish import ArtifactMissingError, publish
from mlops_ci.publishing.verify import verify
from mlops_ci.stores.errors import ObjectDamagedError, ObjectMissingError, StoreConflictError
from mlops_ci.stores.local import LocalStore
from support.published import killed_before_the_manifest


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store")


@pytest.fixture
def files(tmp_path):
    content = {
        "model/model.safetensors": b"weights" * 1000,
        "model/config.json": b"{}",
        "outputs/copy.json": b"{}",
        "outputs/loss.png": b"png",
        "outputs/empty": b"",
    }
    for name, data in content.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return [(name, tmp_path / "in" / name) for name in content]


def do(store, files, **changes):
    values = {
        "model": "digits",
        "files": files,
        "lineage": {"commit": "c0ffee"},
        "metrics": {"accuracy": 0.97},
        "evaluation": {"verdict": "promote"},
    }
    return publish(store, **{**values, **changes})


def state(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_objects_lie_under_their_content_and_equal_files_are_one(store, files, tmp_path):
    done = do(store, files)
    assert (done.objects.count, done.objects.uploaded, done.objects.reused) == (4, 4, 0)
    assert done.objects.bytes == 7000 + 2 + 3
    document = json.loads(store.get_bytes(done.manifest.key))
    assert [file["name"] for file in document["files"]] == sorted(name for name, _ in files)
    for file in document["files"]:
        assert hashlib.sha256(store.get_bytes(file["key"])).hexdigest() == file["sha256"]
    assert done.manifest.store == str(tmp_path / "store")
    assert done.manifest.sha256 == hashlib.sha256(store.get_bytes(done.manifest.key)).hexdigest()
    assert orphans(store) == []
    assert verify(store, done.manifest.key) == []


def test_publishing_again_changes_nothing_whatever_the_order(store, files, tmp_path):
    first = do(store, files)
    before = state(tmp_path / "store")
    second = do(store, list(reversed(files)))
    assert second.manifest == first.manifest
    assert (second.objects.uploaded, second.objects.reused) == (0, 4)
    assert state(tmp_path / "store") == before


def test_another_run_with_the_same_files_uploads_only_its_manifest(store, files):
    first = do(store, files)
    second = do(store, files, lineage={"commit": "decaf"})
    assert second.objects.uploaded == 0
    assert second.manifest.key != first.manifest.key
    assert list(manifests(store)) == sorted([first.manifest.key, second.manifest.key])
    assert list(manifests(store, model="other")) == []


def test_without_a_manifest_nothing_is_published(store, files, monkeypatch):
    with killed_before_the_manifest(monkeypatch):
        do(store, files)
    assert list(manifests(store)) == []
    assert len(orphans(store)) == 4
    done = do(store, files)
    assert (done.objects.uploaded, done.objects.reused) == (0, 4)
    assert orphans(store) == []


def test_another_manifest_under_the_key_is_a_hard_error(store, files):
    done = do(store, files)
    store.put_bytes(done.manifest.key, b"{}", only_if_absent=False)
    with pytest.raises(StoreConflictError) as caught:
        do(store, files)
    assert caught.value.exit_code == 4
    assert store.get_bytes(done.manifest.key) == b"{}"


def test_a_damaged_object_is_never_taken_for_the_file(store, files):
    done = do(store, files)
    key = json.loads(store.get_bytes(done.manifest.key))["files"][0]["key"]
    store.put_bytes(key, b"[]", only_if_absent=False)
    with pytest.raises(StoreConflictError, match=key):
        do(store, files)


@pytest.mark.parametrize(
    ("files", "kind", "words"),
    [
        ([], ArtifactMissingError, "nothing to publish"),
        ([("a", "absent")], ArtifactMissingError, "absent"),
        ([("a", ".")], ArtifactMissingError, "directory"),
        ([("../a", "x")], ArtifactNameError, "'../a'"),
        ([("a", "x"), ("a", "x")], ArtifactNameError, "two files"),
    ],
)
def test_what_can_not_be_published_is_refused_before_anything_is_written(store, tmp_path, files, kind, words):
    (tmp_path / "x").write_text("x")
    with pytest.raises(kind) as caught:
        do(store, [(name, tmp_path / path) for name, path in files])
    assert caught.value.exit_code == 2
    assert words in caught.value.cause
    assert not (tmp_path / "store").exists()


def test_verify_tells_missing_truncated_and_altered_apart(store, files):
    done = do(store, files)
    by_name = {file["name"]: file["key"] for file in json.loads(store.get_bytes(done.manifest.key))["files"]}
    store.put_bytes(by_name["model/model.safetensors"], b"weights", only_if_absent=False)
    store.put_bytes(by_name["outputs/loss.png"], b"PNG", only_if_absent=False)
    store.delete(by_name["model/config.json"])
    problems = {problem.name: problem for problem in verify(store, done.manifest.key)}
    assert {name: problem.kind for name, problem in problems.items()} == {
        "model/model.safetensors": "truncated",
        "outputs/loss.png": "altered",
        "model/config.json": "missing",
        "outputs/copy.json": "missing",
    }
    assert problems["model/model.safetensors"].detail == "7 of 7000 bytes are left"
    assert "SHA-256" in problems["outputs/loss.png"].detail


def test_verify_reports_progress_and_refuses_a_changed_manifest(store, files):
    done = do(store, files)
    seen = []
    verify(store, done.manifest.key, sha256=done.manifest.sha256, on_progress=seen.append)
    assert (seen[-1].files, seen[-1].bytes) == (4, 7005)
    with pytest.raises(ManifestError):
        verify(store, done.manifest.key, sha256="0" * 64)
    with pytest.raises(ObjectMissingError):
        verify(store, "models/digits/0123456789abcdef/manifest.json")


def test_fetch_gives_the_bundle_back(store, files, tmp_path):
    done = do(store, files)
    manifest = fetch(store, done.manifest.key, tmp_path / "out", sha256=done.manifest.sha256)
    assert state(tmp_path / "out") == {name: path.read_bytes() for name, path in files}
    assert manifest.metrics == {"accuracy": 0.97}


def test_fetch_of_a_part_of_the_bundle(store, files, tmp_path):
    done = do(store, files)
    fetch(store, done.manifest.key, tmp_path / "out", below="model/")
    assert set(state(tmp_path / "out")) == {"model/model.safetensors", "model/config.json"}


def test_fetch_keeps_what_is_right_and_repairs_what_is_not(store, files, tmp_path):
    done = do(store, files)
    fetch(store, done.manifest.key, tmp_path / "out")
    right = tmp_path / "out/model/config.json"
    wrong = tmp_path / "out/outputs/loss.png"
    right_before = right.stat().st_ino
    wrong.write_bytes(b"PNG")
    (tmp_path / "out/outputs/.mlops-draft-dead").write_bytes(b"half")
    (tmp_path / "out/notes.txt").write_text("mine")
    fetch(store, done.manifest.key, tmp_path / "out")
    assert right.stat().st_ino == right_before
    assert state(tmp_path / "out") == {**{name: path.read_bytes() for name, path in files}, "notes.txt": b"mine"}


def test_fetch_leaves_no_damaged_file(store, files, tmp_path):
    done = do(store, files)
    key = next(one["key"] for one in json.loads(store.get_bytes(done.manifest.key))["files"] if "loss" in one["name"])
    store.put_bytes(key, b"PNG", only_if_absent=False)
    with pytest.raises(ObjectDamagedError) as caught:
        fetch(store, done.manifest.key, tmp_path / "out")
    assert caught.value.exit_code == 4
    assert not (tmp_path / "out/outputs/loss.png").exists()


def test_fetch_does_not_follow_a_link_out_of_the_folder(store, files, tmp_path):
    done = do(store, files)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/model").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FetchTargetError):
        fetch(store, done.manifest.key, tmp_path / "out")
    assert list((tmp_path / "elsewhere").iterdir()) == []
