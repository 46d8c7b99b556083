"""task.json is read once and checked."""

import json

import pytest

from mlops_ci.guest.task import Expectation, NamedCommand, ShellRequest, TaskError, read_task

LEAST = {
    "schema": "mlops-ci/task/1",
    "run": "r",
    "stage": "check",
    "kind": "command",
    "paths": {"job": "/j", "work": "/w", "tmp": "/t"},
}


def read(tmp_path, **changes):
    path = tmp_path / "task.json"
    path.write_text(json.dumps({**LEAST, **changes}))
    return read_task(path)


def test_what_may_be_missing(tmp_path):
    task = read(tmp_path)
    assert str(task.paths.output) == "/w/outputs"
    assert (task.paths.data, task.paths.checkpoints, task.model, task.timeout, task.stall) == (
        None,
        None,
        None,
        None,
        None,
    )
    assert task.grace == 30
    assert task.expect == Expectation()


def test_the_output_folder(tmp_path):
    assert str(read(tmp_path, output="out/x").paths.output) == "/w/out/x"
    assert str(read(tmp_path, output="out", paths={**LEAST["paths"], "output": "/o"}).paths.output) == "/o"


def test_everything(tmp_path):
    task = read(
        tmp_path,
        commands=[{"name": "a", "command": "b"}],
        model={"allow_pickle": ["x.pt"]},
        expect={"gpus": 2, "torch": "2.13", "memory_bytes": 5},
        grace=0,
        timeout=7,
        unknown="is passed over",
    )
    assert task.commands == (NamedCommand("a", "b"),)
    assert task.model == ("x.pt",)
    assert (task.grace, task.timeout) == (0.0, 7.0)
    assert task.expect == Expectation(gpus=2, torch="2.13", memory_bytes=5)


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": "mlops-ci/task/2"}, {"kind": "dance"}, {"paths": {"job": "/j"}}, {"commands": [{"name": "x"}]},
        {"seed": "many"}, {"timeout": "long"}, {"metrics": ["loss"]}, {"run": None, "paths": None},
    ],
)  # fmt: skip
def test_a_task_that_cannot_be_used(tmp_path, changes):
    with pytest.raises(TaskError):
        read(tmp_path, **changes)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff"])
def test_no_task_at_all(tmp_path, content):
    path = tmp_path / "task.json"
    path.write_bytes(content)
    with pytest.raises(TaskError):
        read_task(path)
    with pytest.raises(TaskError):
        read_task(tmp_path / "absent")


def test_a_shell_has_a_terminal_or_a_command(tmp_path):
    assert read(tmp_path, kind="shell", shell={"terminal": "xterm"}).shell == ShellRequest(terminal="xterm")
    assert read(tmp_path, kind="shell", shell={"argv": ["ls"]}).shell == ShellRequest(argv=("ls",))
    for wrong in ({}, {"argv": ["ls"], "terminal": "xterm"}):
        with pytest.raises(TaskError, match="either a command or a terminal"):
            read(tmp_path, kind="shell", shell=wrong)
