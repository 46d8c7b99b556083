"""What a repository looks like to `init`."""

from __future__ import annotations

import pytest

from mlops_ci.config.guess import ProposedCheck, guess


def make(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return guess(root)


@pytest.mark.parametrize(
    ("files", "command"),
    [
        (["train.py", "main.py"], "python train.py"),
        (["src/train.py"], "python src/train.py"),
        (["main.py"], "python main.py"),
        (["model/__init__.py", "model/train.py"], "python -m model.train"),
        (["model/train.py"], "python model/train.py"),
        (["tests/train.py"], None),
        ([".hidden/train.py"], None),
        ([], None),
    ],
)
def test_the_command(tmp_path, files, command):
    found = make(tmp_path, dict.fromkeys(files, ""))
    assert found.command == command
    assert bool(found.notes) == (command is None)


def test_requirements_and_checks(tmp_path):
    found = make(
        tmp_path,
        {
            "train.py": "",
            "requirements.txt": "torch==2.13.0\n# ruff would be a comment\nPyTest>=8 ; python_version > '3'\n",
            "pyproject.toml": "[tool.ruff]\nline-length = 100\n",
            "tests/unit/test_x.py": "",
        },
    )
    assert found.requirements == "requirements.txt"
    assert found.checks == (
        ProposedCheck(command="ruff check .", package="ruff", installed=False),
        ProposedCheck(command="python -m pytest -q", package="pytest", installed=True),
    )
    assert found.notes == ()


def test_dependencies_without_a_requirements_file_are_told(tmp_path):
    found = make(tmp_path, {"train.py": "", "pyproject.toml": '[project]\ndependencies = ["torch"]\n'})
    assert found.requirements is None
    assert "requirements file" in found.notes[0]


@pytest.mark.parametrize("text", ["not toml [", "tool = 3\nproject = 4\n", "\udcff", "x = " + "[" * 5000])
def test_broken_files_count_as_absent(tmp_path, text):
    (tmp_path / "pyproject.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    (tmp_path / "requirements.txt").mkdir()
    (tmp_path / "tests").write_text("")
    found = guess(tmp_path)
    assert found.requirements is None
    assert found.checks == ()
