"""A command line of the configuration as an argument list: split as a shell would, but no shell runs it."""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_ci.guest.task import Task

PLACEHOLDER = re.compile(r"\{(data|output|checkpoints|model|champion|seed|params\.[A-Za-z0-9_.-]+)\}")


class BadCommandError(Exception):
    """The command cannot be run as it is written. `hint` says what to do."""

    def __init__(self, cause: str, hint: str = "") -> None:
        super().__init__(cause)
        self.hint = hint


def placeholders(task: Task) -> dict[str, str]:
    """What each placeholder of this task stands for."""
    values = {"output": str(task.paths.output), "seed": str(task.seed)}
    for name in ("data", "checkpoints", "model", "champion"):
        path = getattr(task.paths, name)
        if path is not None:
            values[name] = str(path)
    values.update({f"params.{name}": text(value) for name, value in (task.params or {}).items()})
    return values


def text(value: Any) -> str:
    """A parameter as it stands on a command line: strings as they are, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def split(command: str, values: Mapping[str, str]) -> list[str]:
    """The arguments of `command` with its placeholders replaced inside each token; raises `BadCommandError`."""
    try:
        tokens = shlex.split(command)
    except ValueError as error:
        raise BadCommandError(f"the command {command!r} cannot be split into arguments: {error}") from error
    if not tokens:
        raise BadCommandError("the command is empty")

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            known = " ".join(f"{{{name}}}" for name in sorted(values))
            raise BadCommandError(f"the command uses {match[0]}, which this job does not have", f"It has: {known}.")
        return values[match[1]]

    return [PLACEHOLDER.sub(value, token) for token in tokens]


def resolve(argv: list[str], environment: Mapping[str, str], folder: Path) -> list[str]:
    """The arguments with the program's full path; raises `BadCommandError` when there is no such program.

    `python` and `python3` mean the interpreter that runs the guest where PATH has none of that name.
    """
    program = argv[0]
    if "/" in program:
        path = folder / program
        if not path.is_file():
            raise BadCommandError(
                f"command not found: {program}", f"There is no file {program} in the working directory."
            )
        if not os.access(path, os.X_OK):
            raise BadCommandError(
                f"{program} is not executable", f"Make it executable and commit that: chmod +x {program}"
            )
        return [str(path), *argv[1:]]
    found = shutil.which(program, path=environment.get("PATH", os.defpath))
    if found is not None:
        return [found, *argv[1:]]
    if program in ("python", "python3"):
        return [sys.executable, *argv[1:]]
    hint = f"Add the package that has `{program}` to your requirements, or write the command with its path."
    if (folder / program).is_file():
        hint = f"Commands run without a shell: write ./{program} for the file in the working directory."
    raise BadCommandError(f"command not found: {program}", hint)


def notebook_call(argv: list[str], task: Task) -> tuple[Path, dict[str, Any]]:
    """A notebook and its parameters: the task's, then those behind it as `name=value`; raises `BadCommandError`."""
    source = task.paths.work / argv[0]
    if not source.is_file():
        raise BadCommandError(
            f"command not found: {argv[0]}", f"There is no notebook {argv[0]} in the working directory."
        )
    if task.launch.world > 1:
        raise BadCommandError(
            f"{argv[0]} is a notebook, which is one process", "Set [train] processes = 1 and nodes = 1."
        )
    parameters = dict(task.params or {})
    for one in argv[1:]:
        name, found, value = one.partition("=")
        if not found or not name.isidentifier():
            raise BadCommandError(
                f"{one!r} is no parameter of the notebook {argv[0]}", "Write name=value, for example data={data}."
            )
        parameters[name] = _value(value)
    return source, parameters


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def start_problem(argv: list[str], error: OSError) -> BadCommandError:
    """Why the system refused to start an existing program."""
    if error.errno == errno.ENOEXEC:
        hint = "Its first line must name an interpreter, for example #!/usr/bin/env bash."
        return BadCommandError(f"{argv[0]} is neither a program nor a script with a #! line", hint)
    if error.errno == errno.ENOENT:
        hint = "The interpreter on its first line does not exist here."
        return BadCommandError(f"{argv[0]} cannot be started: its interpreter is missing", hint)
    return BadCommandError(f"{argv[0]} cannot be started: {error.strerror}")
