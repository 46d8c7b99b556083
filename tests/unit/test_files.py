"""Files are whole or absent."""

import os

import pytest

from mlops_ci import files


def test_an_atomic_write_leaves_no_temporary_file(tmp_path):
    files.write_atomic(tmp_path / "deep" / "a.txt", "hello")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.txt"]
    assert (tmp_path / "deep" / "a.txt").read_text() == "hello"


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path, monkeypatch):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def refuse(source, destination):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="No space"):
        files.write_atomic(target, "new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_digests_do_not_depend_on_key_order():
    assert files.digest_of({"a": 1, "b": [1, 2]}) == files.digest_of({"b": [1, 2], "a": 1})
    assert files.digest_of({"a": 1}) != files.digest_of({"a": "1"})


def test_json_with_a_non_finite_number_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"not JSON compliant|Out of range"):
        files.write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert not (tmp_path / "a.json").exists()


def test_symbolic_links_are_no_regular_files(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two").write_text("22")
    (tmp_path / "a").write_text("1")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert [path.name for path in files.regular_files(tmp_path)] == ["a", "two"]
    assert files.size_of(tmp_path) == 3
