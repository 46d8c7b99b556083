"""A notebook as a script: its code cells one below the other, its parameters as those of `[train] params`."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.errors import UsageError

MAGIC = re.compile(r"^\s*(?:%|!|\?|\w+\?\s*$)")
TAG = "parameters"
TAKEN_OVER = """\
from mlops_ci.guest.sdk import params

globals().update(params())  # [train] params replace the values above"""


class NotebookError(UsageError):
    """A file is no notebook that can be read."""


@dataclass(frozen=True, kw_only=True)
class Script:
    """What a notebook became: the script, its parameters, and what could not be taken over."""

    text: str
    params: Mapping[str, Any]
    notes: tuple[str, ...] = ()


def export(path: Path) -> Script:
    """The notebook as a script; raises `NotebookError`."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        pairs = [(_source(one), one) for one in cells]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotebookError(
            f"{path} cannot be read as a notebook: {error}", hint="name an .ipynb file of version 4"
        ) from error
    parts = [f"# Exported from {path.name} by mlops-ci init."]
    notes: list[str] = []
    params: dict[str, Any] = {}
    for number, (source, cell) in enumerate(pairs, 1):
        if not source.strip():
            continue
        if cell.get("cell_type") == "markdown":
            parts.append("\n".join(f"# {line}".rstrip() for line in source.splitlines()))
        elif cell.get("cell_type") == "code":
            code = "\n".join(_lines(source, number, notes)).strip("\n")
            parts.append(code)
            if TAG in cell.get("metadata", {}).get("tags", ()):
                params.update(_literals(code))
                parts.append(TAKEN_OVER)
    text = "\n\n".join(parts) + "\n"
    try:
        ast.parse(text)
    except SyntaxError as error:
        notes.append(f"line {error.lineno} of the script is no Python: {error.msg}")
    if not params:
        notes.append(f"no cell has the tag `{TAG}`: the script has no parameters that [train] params could replace")
    return Script(text=text, params=params, notes=tuple(notes))


def _source(cell: Mapping[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def _lines(source: str, number: int, notes: list[str]) -> Iterator[str]:
    """The cell's lines; what only IPython understands becomes a comment."""
    lines = source.splitlines()
    if lines[0].lstrip().startswith("%%"):
        notes.append(f"cell {number} is for {lines[0].split()[0]}, not for Python: it is a comment now")
        yield from (f"# {line}".rstrip() for line in lines)
        return
    for line in lines:
        if MAGIC.match(line):
            notes.append(f"cell {number}: `{line.strip()[:60]}` is for IPython: it is a comment now")
            indent = line[: len(line) - len(line.lstrip())]
            yield f"{indent}pass  # {line.strip()}" if indent else f"# {line}"
        else:
            yield line


def _literals(code: str) -> Iterator[tuple[str, Any]]:
    """The plain values that a cell assigns to names: what TOML can say of them."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return
    for statement in tree.body:
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
            continue
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        try:
            value = ast.literal_eval(statement.value)
        except ValueError:
            continue
        if isinstance(value, str | int | float | bool):
            yield from ((target.id, value) for target in targets if isinstance(target, ast.Name))
