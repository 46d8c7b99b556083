"""Command lines become argument lists."""

import errno
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_ci.guest.commands import BadCommandError, notebook_call, placeholders, resolve, split, start_problem
from mlops_ci.guest.task import Launch, Paths, Task

WORK = Path("/w")


def task(**more):
    paths = Paths(job=Path("/j"), work=WORK, output=Path("/w/outputs"), tmp=Path("/t"), data=Path("/d"))
    return Task(run="r", stage="train", kind="command", paths=paths, **more)


def test_placeholders_stand_for_paths_and_values():
    made = placeholders(task(params={"epochs": 3, "lr": 1e-3, "fast": True, "name": "a b", "layers": [1, 2]}, seed=9))
    assert made == {
        "output": "/w/outputs", "seed": "9", "data": "/d", "params.epochs": "3", "params.lr": "0.001",
        "params.fast": "true", "params.name": "a b", "params.layers": "[1, 2]",
    }  # fmt: skip


def test_a_value_with_spaces_stays_one_argument():
    values = {"params.name": "a b'c", "data": "/my data"}
    assert split("train --name {params.name} --data={data} '{data}/x y'", values) == [
        "train",
        "--name",
        "a b'c",
        "--data=/my data",
        "/my data/x y",
    ]


def test_other_braces_are_left_alone():
    assert split("""x '{"a": 1}' {other} ${HOME} {}""", {}) == ["x", '{"a": 1}', "{other}", "${HOME}", "{}"]


@pytest.mark.parametrize(
    ("command", "cause"),
    [
        ("x {champion}", "uses {champion}, which this job does not have"),
        ("x {params.a}", "uses {params.a}"),
        ("x 'y", "No closing"),
        (" ", "empty"),
    ],
)
def test_a_command_that_cannot_be_used(command, cause):
    with pytest.raises(BadCommandError, match=cause):
        split(command, {"seed": "0"})


def test_python_is_the_one_that_runs_the_guest_where_there_is_no_other(tmp_path):
    assert resolve(["python", "x.py"], {"PATH": str(tmp_path)}, tmp_path) == [sys.executable, "x.py"]
    own = tmp_path / "python"
    own.write_text("")
    own.chmod(0o755)
    assert resolve(["python", "x.py"], {"PATH": str(tmp_path)}, tmp_path) == [str(own), "x.py"]


def test_a_file_in_the_folder_is_not_on_the_path(tmp_path):
    (tmp_path / "run.sh").write_text("")
    with pytest.raises(BadCommandError) as caught:
        resolve(["run.sh"], {"PATH": "/nowhere"}, tmp_path)
    assert "write ./run.sh" in caught.value.hint


@pytest.mark.parametrize(
    ("number", "cause"),
    [(errno.ENOEXEC, "neither a program"), (errno.ENOENT, "interpreter"), (errno.E2BIG, "too long")],
)
def test_why_the_system_refused(number, cause):
    assert cause in str(start_problem(["./x"], OSError(number, "Argument list too long")))


def test_a_notebook_has_the_tasks_parameters_and_those_behind_it(tmp_path):
    paths = Paths(job=tmp_path, work=tmp_path, output=tmp_path / "outputs", tmp=tmp_path)
    (tmp_path / "a.ipynb").write_text("{}")
    task = Task(run="r", stage="train", kind="command", paths=paths, params={"lr": 0.1, "n": 1})
    found = notebook_call(["a.ipynb", "n=3", "data=/x y", "deep=true"], task)
    assert found == (tmp_path / "a.ipynb", {"lr": 0.1, "n": 3, "data": "/x y", "deep": True})
    for argv, what in ((["b.ipynb"], "command not found"), (["a.ipynb", "--n"], "no parameter")):
        with pytest.raises(BadCommandError, match=what):
            notebook_call(argv, task)
    with pytest.raises(BadCommandError, match="one process"):
        notebook_call(["a.ipynb"], replace(task, launch=Launch(processes=2)))
