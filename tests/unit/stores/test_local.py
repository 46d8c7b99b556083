from __future__ import annotations

import errno
import hashlib
import os
import threading

import pytest

from mlops_ci.stores import drafts
from mlops_ci.stores.base import Download, Upload
from mlops_ci.stores.errors import (
    FileChangedError,
    ObjectDamagedError,
    ObjectKeyError,
    ObjectMissingError,
    StoreAccessError,
    StoreConflictError,
    StoreFullError,
    from_os_error,
)
from mlops_ci.stores.local import LocalStore
from mlops_ci.stores.measure import measure


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store")


def sha(data):
    return hashlib.sha256(data).hexdigest()


def file(tmp_path, name, data):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def upload(key, path):
    facts = measure(path)
    return Upload(key=key, path=path, sha256=facts.sha256, bytes=facts.bytes, modified_ns=facts.modified_ns)


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_an_object_is_created_once_and_found_again(store, tmp_path):
    path = file(tmp_path, "f", b"content")
    assert store.put_file("objects/ab/x", path, sha256=sha(b"content")) is True
    assert store.put_file("objects/ab/x", path, sha256=sha(b"content")) is False
    assert store.get_bytes("objects/ab/x") == b"content"
    assert store.head("objects/ab/x").bytes == 7
    assert store.hash_object("objects/ab/x").sha256 == sha(b"content")
    assert names(tmp_path / "store") == ["objects/ab/x"]


def test_objects_are_read_only_files(store, tmp_path):
    store.put_file("x", file(tmp_path, "f", b"1"), sha256=sha(b"1"))
    assert (tmp_path / "store/x").stat().st_mode & 0o777 == 0o444


def test_other_content_under_a_taken_key_is_a_conflict_and_changes_nothing(store, tmp_path):
    store.put_file("x", file(tmp_path, "one", b"1"), sha256=sha(b"1"))
    with pytest.raises(StoreConflictError) as caught:
        store.put_file("x", file(tmp_path, "two", b"2"), sha256=sha(b"2"))
    assert caught.value.exit_code == 4
    assert sha(b"1") in caught.value.cause
    assert sha(b"2") in caught.value.cause
    assert store.get_bytes("x") == b"1"


def test_a_file_that_is_not_what_its_digest_says_is_never_stored(store, tmp_path):
    with pytest.raises(FileChangedError) as caught:
        store.put_file("x", file(tmp_path, "f", b"changed"), sha256=sha(b"before"))
    assert caught.value.exit_code == 10
    assert store.head("x") is None
    assert names(tmp_path / "store") == []


def test_a_file_that_is_gone_is_named(store, tmp_path):
    with pytest.raises(FileChangedError, match="absent is gone"):
        store.put_file("x", tmp_path / "absent", sha256=sha(b""))


def test_many_files_report_progress_and_what_was_there(store, tmp_path):
    items = [upload(f"objects/{i % 7}/{i}", file(tmp_path, f"in/{i}", b"x" * i)) for i in range(50)]
    seen = []
    assert store.put_files(items[:20]) == (20, 0)
    assert store.put_files(items, on_progress=seen.append) == (30, 20)
    assert (seen[-1].files, seen[-1].bytes) == (50, sum(range(50)))
    assert [one.files for one in seen] == list(range(1, 51))


def test_the_first_problem_of_many_files_is_raised(store, tmp_path):
    items = [upload(str(i), file(tmp_path, f"in/{i}", str(i).encode())) for i in range(20)]
    items[10].path.write_bytes(b"other")
    with pytest.raises(FileChangedError):
        store.put_files(items)
    assert store.head("10") is None


def test_small_objects_only_if_absent(store):
    assert store.put_bytes("m.json", b"1", only_if_absent=True) is True
    assert store.put_bytes("m.json", b"2", only_if_absent=True) is False
    assert store.get_bytes("m.json") == b"1"
    assert store.put_bytes("m.json", b"2", only_if_absent=False) is True
    assert store.get_bytes("m.json") == b"2"


@pytest.mark.parametrize("links", [True, False])
def test_of_eight_writers_exactly_one_wins(store, tmp_path, monkeypatch, links):
    if not links:  # what a file system without hard links answers
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.EPERM, "not permitted")))
    barrier = threading.Barrier(8)
    results = {}

    def write(number):
        barrier.wait()
        results[number] = store.put_bytes("lease", str(number).encode(), only_if_absent=True)

    for round_ in range(20):
        store.delete("lease")
        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        winners = [number for number, won in results.items() if won]
        assert len(winners) == 1, round_
        assert store.get_bytes("lease") == str(winners[0]).encode()


def test_a_missing_object_is_an_answer_and_not_a_failure_to_ask(store, tmp_path):
    assert store.head("absent") is None
    assert store.head("absent/deeper") is None
    for call in (store.get_bytes, store.hash_object, lambda key: store.download(key, tmp_path / "out")):
        with pytest.raises(ObjectMissingError) as caught:
            call("absent")
        assert caught.value.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_a_download_is_checked_before_it_gets_its_name(store, tmp_path):
    store.put_bytes("x", b"content", only_if_absent=True)
    store.download("x", tmp_path / "deep/out", sha256=sha(b"content"))
    assert (tmp_path / "deep/out").read_bytes() == b"content"
    with pytest.raises(ObjectDamagedError) as caught:
        store.download("x", tmp_path / "bad", sha256=sha(b"other"))
    assert caught.value.exit_code == 4
    with pytest.raises(ObjectDamagedError, match="7 bytes, expected 8"):
        store.download_files([Download(key="x", path=tmp_path / "bad", bytes=8)])
    assert not (tmp_path / "bad").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(drafts.PREFIX)] == []


def test_many_downloads(store, tmp_path):
    for i in range(30):
        store.put_bytes(f"a/{i}", str(i).encode(), only_if_absent=True)
    seen = []
    items = [Download(key=f"a/{i}", path=tmp_path / "out" / str(i), bytes=len(str(i))) for i in range(30)]
    store.download_files(items, on_progress=seen.append)
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {str(i): str(i) for i in range(30)}
    assert seen[-1].files == 30


def test_a_listing_is_in_the_order_of_s3_and_shows_objects_only(store):
    keys = ["a.b", "a/b", "a-b", "a/c/d", "b", "objects/ab/1", "objects/ab/2", "objects/ac/3"]
    for key in keys:
        store.put_bytes(key, b"", only_if_absent=True)
    assert [info.key for info in store.list()] == sorted(keys, key=str.encode)
    assert [info.key for info in store.list("objects/ab")] == ["objects/ab/1", "objects/ab/2"]
    assert [info.key for info in store.list("objects/a")] == ["objects/ab/1", "objects/ab/2", "objects/ac/3"]
    assert [info.key for info in store.list("a")] == ["a-b", "a.b", "a/b", "a/c/d"]
    assert list(store.list("absent/")) == []


def test_keys_can_lead_neither_out_nor_into_the_stores_own_files(store):
    for key in ("../x", "/x", ".drafts/x", ".lock"):
        with pytest.raises(ObjectKeyError):
            store.put_bytes(key, b"", only_if_absent=True)
    with pytest.raises(ObjectKeyError):
        list(store.list("../"))


def test_what_a_killed_writer_left_is_swept_but_not_what_a_living_one_writes(store, tmp_path):
    folder = tmp_path / "store/.drafts"
    folder.mkdir(parents=True)
    (folder / f"{drafts.PREFIX}dead").write_bytes(b"half")
    (folder / f"{drafts.PREFIX}done").write_bytes(b"whole")
    (folder / f"{drafts.PREFIX}done").chmod(0o444)
    with drafts.draft(folder) as alive:
        alive.stream.write(b"x")
        LocalStore(tmp_path / "store")
        assert [path.name for path in folder.iterdir()] == [alive.path.name]
    assert list(folder.iterdir()) == []


def test_a_file_where_the_store_folder_must_be(tmp_path):
    file(tmp_path, "store", b"")
    store = LocalStore(tmp_path / "store")
    assert store.head("x") is None
    with pytest.raises(StoreAccessError) as caught:
        store.put_bytes("x", b"", only_if_absent=True)
    assert caught.value.exit_code == 3
    assert str(tmp_path / "store") in caught.value.cause


def test_a_file_where_an_objects_folder_must_be(tmp_path, store):
    store.put_bytes("a", b"", only_if_absent=True)
    with pytest.raises(StoreAccessError):
        store.put_bytes("a/b", b"", only_if_absent=True)


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (errno.ENOSPC, StoreFullError, 10),
        (errno.EDQUOT, StoreFullError, 10),
        (errno.EACCES, StoreAccessError, 3),
        (errno.EROFS, StoreAccessError, 3),
        (errno.EIO, None, 10),
        (errno.ENAMETOOLONG, ObjectKeyError, 2),
    ],
)
def test_what_the_operating_system_says_has_a_class_and_a_next_step(number, kind, code):
    error = from_os_error(OSError(number, os.strerror(number), "/disk/file"), "writing x")
    assert error.exit_code == code
    assert kind is None or isinstance(error, kind)
    assert error.cause == f"writing x: {os.strerror(number)} (/disk/file)"
    assert error.hint
