"""Files that are no configuration at all: a clear error each, never a traceback, never a wait."""

from __future__ import annotations

import os

import pytest

TRAIN = b'[train]\ncommand = "python train.py"\n'


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "mlops.toml: [train] command: is required"),
        (b"# nothing\n", "mlops.toml: [train] command: is required"),
        (TRAIN + b"x = \0", "mlops.toml:3: has a NUL byte"),
        (TRAIN + "# für\n".encode("latin-1"), "mlops.toml:3: byte 0xfc is not UTF-8"),
        (TRAIN.decode().encode("utf-16"), "mlops.toml: is UTF-16, not UTF-8"),
        (b"#" * (1 << 20) + b"\n" + TRAIN, "mlops.toml: has 1048613 bytes"),
        (b"a" * 100_000, "mlops.toml:1: not valid TOML"),
        (b"x = " + b"[" * 100_000, "mlops.toml: lists or tables are nested too deeply"),
        (b"x" + b".x" * 1000 + b" = 1", "mlops.toml: tables or lists are nested deeper than 16"),
        (b"x = " + b"[" * 100 + b"]" * 100, "mlops.toml: tables or lists are nested deeper than 16"),
        (b"[train]\nseed = " + b"9" * 5000, "mlops.toml: not valid TOML: Exceeds the limit"),
        (b"\x7fELF\x02\x01\x01", "mlops.toml:1: not valid TOML"),
    ],
)
def test_unreadable_content(folder, content, cause):
    error = folder.error(content)
    assert str(error.problems[0]).startswith(cause)
    assert "Traceback" not in "".join(error.details)


@pytest.mark.parametrize("content", [TRAIN.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + TRAIN, TRAIN.rstrip(b"\n")])
def test_line_ends_and_byte_order_marks_do_no_harm(folder, content):
    settings = folder.load(content)
    assert settings.tables.train.command == "python train.py"
    assert settings.sources["train.command"].where == "mlops.toml:2"


@pytest.mark.parametrize(
    ("text", "cause", "details"),
    [
        (
            '[train]\ncommand = "python train.py\n',
            "mlops.toml:2: not valid TOML: ",
            ('  2 | command = "python train.py', "    |                           ^"),
        ),
        (
            "[train]\ncommand = python\n",
            "mlops.toml:2: not valid TOML: ",
            ("  2 | command = python", "    |           ^"),
        ),
        ("a = [1,\n", "mlops.toml:1: not valid TOML: ", ("  1 | a = [1,", "    |        ^")),
        ("[train]\n\tx = 1 2\n", "mlops.toml:2: not valid TOML: ", ("  2 |  x = 1 2", "    |        ^")),
        ("[train]\nx = 1\nx = 2\n", "mlops.toml:3: not valid TOML: ", ("  3 | x = 2", "    |      ^")),
    ],
)
def test_syntax_errors_have_a_caret(folder, text, cause, details):
    error = folder.error(text)
    assert error.cause.startswith(cause)
    assert error.details == details
    assert (error.problems[0].file, error.problems[0].line) == ("mlops.toml", int(cause.split(":")[1]))


def test_a_missing_file_says_how_to_get_one(folder):
    error = folder.error(config="nothing.toml")
    assert error.cause == "nothing.toml: there is no such file"
    assert "mlops-ci init" in error.hint


def test_no_file_at_all_says_how_to_get_one(folder):
    error = folder.error()
    assert error.cause.startswith("mlops.toml: there is none in ")
    assert error.hint == "`mlops-ci init` writes one for this repository"


def test_a_folder_is_no_file(folder):
    (folder.root / "mlops.toml").mkdir()
    assert folder.error().cause == "mlops.toml: is a folder"


def test_a_pipe_is_not_waited_for(folder):
    os.mkfifo(folder.root / "mlops.toml")
    assert folder.error().cause == "mlops.toml: is not a regular file"


def test_a_dangling_link_is_told(folder):
    (folder.root / "mlops.toml").symlink_to("nowhere")
    assert folder.error().cause == "mlops.toml: there is no such file"


def test_a_link_to_itself_is_told(folder):
    (folder.root / "mlops.toml").symlink_to("mlops.toml")
    assert folder.error().cause.startswith("mlops.toml: can't be read")
    assert "mlops.toml" in folder.error(config="mlops.toml").cause


def test_a_path_that_is_none(folder):
    assert "null" in folder.error(config="a\0b").cause
    assert "can't be read" in folder.error(config="x" * 5000).cause


def test_a_file_that_cannot_be_read(folder):
    # Permissions do not stop root; the first page of a process's memory is what nobody can read.
    (folder.root / "mlops.toml").symlink_to("/proc/self/mem")
    assert folder.error().cause == "mlops.toml: can't be read: Input/output error"
