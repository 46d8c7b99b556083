from __future__ import annotations

import hashlib
import os
import shutil
import time

import pytest

from mlops_ci.datasets import digest as digest_module
from mlops_ci.datasets.digest import digest_folder, digest_rows
from mlops_ci.datasets.errors import DataChangedError
from mlops_ci.datasets.hashes import KnownHashes

A, B = (hashlib.sha256(data).hexdigest() for data in (b"1", b"22"))


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    (folder / "train").mkdir(parents=True)
    (folder / "train" / "a.csv").write_text("1")
    (folder / "train.csv").write_text("22")
    return folder


def age(folder, seconds=10):
    """As if nobody had touched it for a while. The change time can't be set, so the clock of the test is moved."""
    then = time.time_ns() - seconds * 10**9
    for path in folder.rglob("*"):
        os.utime(path, ns=(then, then))


def test_the_form_is_fixed(data):
    """Users pin it in `[data] digest`."""
    lines = (
        f'{{"by":"content","schema":"mlops-ci/data/1"}}\n["file","train.csv",2,"{B}"]\n["file","train/a.csv",1,"{A}"]\n'
    )
    found = digest_folder(data, "content")
    assert found.sha256 == hashlib.sha256(lines.encode()).hexdigest()
    assert (found.files, found.bytes) == (2, 3)


def test_content_is_the_same_wherever_and_whenever_it_lies(data, tmp_path):
    before = digest_folder(data, "content")
    shutil.copytree(data, tmp_path / "copy")
    age(tmp_path / "copy")
    assert digest_folder(tmp_path / "copy", "content") == before


@pytest.mark.parametrize("change", ["content", "name", "link", "extra"])
def test_content_sees_every_change(data, change):
    before = digest_folder(data, "content").sha256
    if change == "content":
        (data / "train.csv").write_text("23")
    elif change == "name":
        (data / "train.csv").rename(data / "test.csv")
    elif change == "link":
        (data / "link").symlink_to("train.csv")
    else:
        (data / "more").write_text("")
    assert digest_folder(data, "content").sha256 != before


def test_a_listing_sees_times_and_sizes_and_not_the_content(data):
    age(data)
    before = digest_folder(data, "listing").sha256
    times = (data / "train.csv").stat()
    (data / "train.csv").write_text("23")
    os.utime(data / "train.csv", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert digest_folder(data, "listing").sha256 == before
    os.utime(data / "train.csv")
    assert digest_folder(data, "listing").sha256 != before


def test_a_listing_without_times_is_the_same_for_data_made_again(data, tmp_path):
    shutil.copytree(data, tmp_path / "copy")
    age(tmp_path / "copy")
    assert digest_folder(data, "listing", times=False) == digest_folder(tmp_path / "copy", "listing", times=False)


def test_the_ways_never_give_the_same_digest(data):
    assert (
        len({digest_folder(data, "content").sha256, digest_folder(data, "listing").sha256, digest_rows("command", [])})
        == 3
    )


def test_an_empty_folder_has_a_digest_and_no_files(tmp_path):
    assert digest_folder(tmp_path, "content").files == 0


def test_known_files_are_not_read_again(data, tmp_path, monkeypatch):
    read = []
    real = digest_module.measure
    monkeypatch.setattr(digest_module, "measure", lambda path: (read.append(path.name), real(path))[1])
    later = time.time_ns() + 10 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: later)
    first = digest_folder(data, "content", hashes=KnownHashes(tmp_path / "cache", data))
    assert sorted(read) == ["a.csv", "train.csv"]
    read.clear()
    assert digest_folder(data, "content", hashes=KnownHashes(tmp_path / "cache", data)) == first
    assert read == []
    times = (data / "train.csv").stat()
    (data / "train.csv").write_text("23")
    os.utime(
        data / "train.csv", ns=(times.st_atime_ns, times.st_mtime_ns)
    )  # the same size and time: hidden from all but ctime
    changed = digest_folder(data, "content", hashes=KnownHashes(tmp_path / "cache", data))
    assert read == ["train.csv"]
    assert changed.sha256 != first.sha256
    assert changed == digest_folder(data, "content")


def test_a_file_that_changed_just_now_is_not_remembered(data, tmp_path):
    digest_folder(data, "content", hashes=KnownHashes(tmp_path / "cache", data))
    assert KnownHashes(tmp_path / "cache", data)._known == {}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "other", "files": {"a": [1,2,3,4,"x"]}}', '{"schema": 1}'])
def test_a_damaged_memory_is_no_memory(data, tmp_path, text):
    hashes = KnownHashes(tmp_path / "cache", data)
    hashes._file.parent.mkdir(parents=True)
    hashes._file.write_text(text)
    assert digest_folder(data, "content", hashes=KnownHashes(tmp_path / "cache", data)) == digest_folder(
        data, "content"
    )


def test_a_file_that_changes_while_it_is_read_is_an_error(data, monkeypatch):
    real = digest_module.measure

    def measure(path):
        path.write_text("longer than before")
        return real(path)

    monkeypatch.setattr(digest_module, "measure", measure)
    with pytest.raises(DataChangedError) as caught:
        digest_folder(data, "content")
    assert caught.value.exit_code == 10


def test_a_file_that_vanishes_is_an_error(data, monkeypatch):
    monkeypatch.setattr(digest_module, "measure", lambda path: path.unlink() or path.open())
    with pytest.raises(DataChangedError, match="vanished"):
        digest_folder(data, "content")
