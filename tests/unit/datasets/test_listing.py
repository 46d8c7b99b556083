from __future__ import annotations

import os
import socket

import pytest

from mlops_ci.datasets.errors import DataMissingError, UnsafeDataError
from mlops_ci.datasets.listing import list_folder


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    (folder / "train" / "empty").mkdir(parents=True)
    (folder / "train" / "a.csv").write_text("1")
    (folder / "train.csv").write_text("22")
    return folder


def test_files_are_listed_by_path_and_empty_folders_do_not_count(data):
    listing = list_folder(data)
    assert [(file.path, file.bytes) for file in listing.files] == [("train.csv", 2), ("train/a.csv", 1)]
    assert listing.bytes == 3
    assert listing.links == ()


def test_a_relative_link_that_stays_inside_is_kept_as_a_link(data):
    (data / "train" / "same.csv").symlink_to("../train.csv")
    (data / "alias").symlink_to("train")
    assert [(link.path, link.target) for link in list_folder(data).links] == [
        ("alias", "train"),
        ("train/same.csv", "../train.csv"),
    ]
    assert len(list_folder(data).files) == 2


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/etc/passwd", "leads out"),
        ("../../outside", "leads out"),
        ("../..", "leads out"),
        ("absent", "leads to nothing"),
        ("loop", "leads to nothing"),
    ],
)
def test_other_links_are_refused_by_name(data, tmp_path, target, words):
    (tmp_path / "outside").write_text("secret")
    (data / "train" / "loop").symlink_to(target)
    with pytest.raises(UnsafeDataError) as caught:
        list_folder(data)
    assert words in caught.value.cause
    assert str(data / "train" / "loop") in caught.value.cause
    assert caught.value.exit_code == 2


def test_an_absolute_link_is_refused_even_to_the_inside_since_jobs_see_the_folder_elsewhere(data):
    (data / "link").symlink_to(data / "train.csv")
    with pytest.raises(UnsafeDataError, match="leads out"):
        list_folder(data)


def test_a_link_that_leads_out_by_way_of_another(data, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real/train.csv").write_text("1")
    (data / "door").symlink_to("train")
    (data / "through").symlink_to("door/../../real/train.csv")
    with pytest.raises(UnsafeDataError):
        list_folder(data)


def test_special_files_are_refused_by_name(data):
    os.mkfifo(data / "pipe")
    with pytest.raises(UnsafeDataError, match=r"pipe.*named pipe"):
        list_folder(data)


def test_a_socket_is_refused(data, monkeypatch):
    monkeypatch.chdir(data)
    try:
        os.mknod("sock", 0o600 | 0o140000)
    except PermissionError:  # some kernels let nobody make one but bind(2), which unit tests must not call
        pytest.skip(f"no socket files without bind here ({socket.AF_UNIX!r})")
    with pytest.raises(UnsafeDataError, match="a socket"):
        list_folder(data)


def test_names_that_are_no_text_are_refused(data):
    with open(os.fsencode(data) + b"/caf\xe9", "wb"):
        pass
    with pytest.raises(UnsafeDataError, match="UTF-8"):
        list_folder(data)


@pytest.mark.parametrize(("name", "words"), [("absent", "does not exist"), ("train.csv", "is no folder")])
def test_no_folder(data, name, words):
    with pytest.raises(DataMissingError, match=words) as caught:
        list_folder(data / name)
    assert "[data] path" in caught.value.hint
