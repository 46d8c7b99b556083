"""What settings name without holding it."""

from __future__ import annotations

from mlops_ci.signing.named import named, password


def test_a_variable_or_a_file(tmp_path):
    (tmp_path / "key.pem").write_text("from a file\n")
    assert named("env://KEY", tmp_path, {"KEY": "from a variable"}) == "from a variable"
    assert named("key.pem", tmp_path, {}) == "from a file\n"
    assert named(str(tmp_path / "key.pem"), tmp_path / "other", {}) == "from a file\n"


def test_what_is_not_there_is_none(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    assert named("env://KEY", tmp_path, {}) is None
    assert named("env://KEY", tmp_path, {"KEY": ""}) is None, "CI systems set what is not there to nothing"
    assert named("none.pem", tmp_path, {}) is None
    assert named("binary", tmp_path, {}) is None


def test_a_password_in_a_file_ends_with_its_line(tmp_path):
    (tmp_path / "password").write_text(" with spaces \r\n")
    assert password("./password", tmp_path, {}) == b" with spaces "
    assert password("env://P", tmp_path, {"P": "x\n"}) == b"x\n"
    assert password("env://P", tmp_path, {}) == b""
