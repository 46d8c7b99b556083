"""The commented `mlops.toml` that `init` writes, made from the settings' own declarations."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from mlops_ci.config.declared import DeclaredTable, Field, is_free_table, tables
from mlops_ci.config.guess import Guess
from mlops_ci.config.toml_text import written
from mlops_ci.settings.settings import safe_name

# Beside the file, so that editors complete and check it offline; `init` writes the schema of its own version there.
SCHEMA_PATH = ".mlops/mlops.schema.json"
FIRST = ("project", "train")
USUAL_COMMAND = "python train.py"
WIDTH = 100
EXAMPLE = "# an example: not set by default"
INTRODUCTION = """\
Configuration of mlops-ci. A key behind a bare `#` shows its default: remove the `#` to change it.
`mlops-ci plan` prints what is in force and where each value came from."""
MODES = """\
# Overlays for one kind of run (`--mode pr|main|nightly`, or a name of yours): any table, any key.
# A short training for pull requests:
#[mode.pr.train]
#params = { epochs = 1 }"""


def render(name: str, command: str | None, found: Guess | None = None, *, schema: str = SCHEMA_PATH) -> str:
    """The file's text: `command` and what was `found` are set, every other default stands there as a comment.

    `name` is the project's, or its folder's; without a `command` the most common one stands there, with a remark.
    `schema` is the path or address of the JSON schema for editors.
    """
    values = _values(name, command, found or Guess())
    ordered = [tables()[one] for one in FIRST] + [table for one, table in tables().items() if one not in FIRST]
    parts = ["\n".join(_comment(INTRODUCTION))]
    parts += ["\n".join(_table(table, values, found or Guess())) for table in ordered]
    return f"#:schema {schema}\n" + "\n\n".join([*parts, MODES]) + "\n"


def _values(name: str, command: str | None, found: Guess) -> Mapping[tuple[str, str], Any]:
    """What is set in the file instead of shown."""
    values: dict[tuple[str, str], Any] = {
        ("project", "name"): safe_name(name),
        ("train", "command"): command or USUAL_COMMAND,
    }
    if found.params:
        values["train", "params"] = dict(found.params)
    if found.metrics:
        values["train", "metrics"] = dict(found.metrics)
    if found.requirements:
        values["image", "requirements"] = found.requirements
    if installed := [check.command for check in found.checks if check.installed]:
        values["check", "commands"] = installed
    return values


def _table(table: DeclaredTable, values: Mapping[tuple[str, str], Any], found: Guess) -> Iterator[str]:
    yield from _comment(table.documentation)
    yield f"[{table.name}]"
    if table.name == "train":
        yield from (line for note in found.notes for line in _comment(f"NOTE: {note}"))
    if table.name == "check":
        yield from _proposals(found)
    for field in table.fields.values():
        yield from _comment(field.documentation)
        yield _setting(field, values.get((table.name, field.key)))


def _proposals(found: Guess) -> Iterator[str]:
    for check in found.checks:
        if not check.installed:
            yield from _comment(
                f"This repository looks as if it used `{check.command}`: add {check.package} to the requirements, "
                "and the command here."
            )


def _setting(field: Field, value: Any) -> str:
    if value is not None:
        return f"{field.key} = {written(value)}"
    if field.default is None:
        return f"#{field.key} = {written(field.example)}  {EXAMPLE}"
    shown = "{}" if is_free_table(field.annotation) else written(field.default)
    return f"#{field.key} = {shown}"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for part in text.splitlines() for line in textwrap.wrap(part, WIDTH, break_long_words=False)]
