"""The merged tree against the declared types: everything that is wrong at once, and the tables that remain."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mlops_ci.config.declared import annotation_at, item_of, tables
from mlops_ci.config.errors import Problem
from mlops_ci.config.expected import allowed_texts, expected, found, hidden, near
from mlops_ci.config.keys import Key, lookup
from mlops_ci.config.layers import Merged
from mlops_ci.config.toml_text import written
from mlops_ci.settings.settings import Tables

LARGEST_INTEGER = 2**63 - 1
# Each round removes at least one value, and there are no more rounds than nested values.
MOST_ROUNDS = 100
COMMAND: Key = ("train", "command")
# Stands for the required command while the rest is checked; never leaves this module.
STAND_IN = "-"
NO_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"


@dataclass(frozen=True, kw_only=True)
class Validated:
    """`tables` has defaults where the file is wrong; `wrong` are the keys of these places: nobody judges them."""

    tables: Tables
    problems: tuple[Problem, ...]
    wrong: frozenset[Key]


@cache
def adapter() -> TypeAdapter[Tables]:
    """The validator made from the declarations.

    Plugins of pydantic have no business here, and looking for them reads every installed package.
    """
    before = os.environ.get(NO_PLUGINS)
    os.environ[NO_PLUGINS] = "__all__"
    try:
        return TypeAdapter(Tables)
    finally:
        if before is None:
            del os.environ[NO_PLUGINS]
        else:
            os.environ[NO_PLUGINS] = before


def validate(merged: Merged, *, complete: bool = True) -> Validated:
    """Check types, limits, forms and names of everything in the tree; with `complete` also that nothing is missing."""
    checker = _Checker(merged=merged, complete=complete)
    tree = checker.plain(merged.tree, ())
    for _ in range(MOST_ROUNDS):
        try:
            # Strict validation of JSON takes an array for a tuple, but never "3" for a number.
            valid = adapter().validate_json(json.dumps(tree))
        except ValidationError as error:
            for kind, key in _errors(error, tree):
                checker.judge(kind, key)
                _repair(tree, key)
        else:
            return Validated(tables=valid, problems=tuple(checker.problems), wrong=frozenset(checker.wrong))
    raise AssertionError("a configuration with all its errors removed must be valid")


def _errors(error: ValidationError, tree: Any) -> list[tuple[str, Key]]:
    """Kind and key of each error. The validator's own location also names the members of unions: these are cut off."""
    return [
        ("missing", COMMAND) if one["type"] == "missing" else (one["type"], _key_in(tree, one["loc"]))
        for one in error.errors(include_url=False, include_context=False)
    ]


def _key_in(tree: Any, location: Key) -> Key:
    length = 0
    while length < len(location) and lookup(tree, location[: length + 1]) is not None:
        if length >= 2 and item_of(annotation_at(location[:length])) is None:
            break
        length += 1
    return location[:length]


def _repair(tree: Any, key: Key) -> None:
    """Make the tree valid at `key`: the default instead, or the stand-in for the command."""
    upto = next((index for index, name in enumerate(key) if isinstance(name, int)), len(key))
    holder = lookup(tree, key[: upto - 1])
    if isinstance(holder, dict):
        holder.pop(key[upto - 1], None)
    if key[:upto] in (COMMAND, COMMAND[:1]):
        tree.setdefault(COMMAND[0], {})[COMMAND[1]] = STAND_IN


@dataclass(kw_only=True)
class _Checker:
    """Collects problems, one for each key."""

    merged: Merged
    complete: bool
    problems: list[Problem] = field(default_factory=list)
    wrong: set[Key] = field(default_factory=set)

    def add(self, key: Key, message: str) -> None:
        """A problem at `key`, unless it or what it stands in is already known to be wrong."""
        if not any(key[:length] in self.wrong for length in range(1, len(key) + 1)):
            self.problems.append(self.merged.problem(key, message))
        self.wrong.add(key)

    def plain(self, value: Any, key: Key) -> Any:
        """A copy as JSON; what JSON can't say is a problem and is left out."""
        if isinstance(value, Mapping):
            copies = {name: self.plain(one, (*key, name)) for name, one in value.items()}
            return {name: one for name, one in copies.items() if one is not None}
        if isinstance(value, list):
            return [self.plain(one, (*key, index)) for index, one in enumerate(value)]
        if (fault := _fault(value)) is None:
            return value
        self.add(key, fault)
        return None

    def judge(self, kind: str, key: Key) -> None:
        """Turn one error of the validator into our words."""
        if kind == "missing":
            if self.complete:
                self.add(COMMAND, "is required (and the only setting that is)")
        elif kind == "unexpected_keyword_argument":
            self.add(key, self._unknown(key))
        else:
            annotation = annotation_at(key)
            value = lookup(self.merged.tree, key)
            meant = near(value, allowed_texts(annotation)) if isinstance(value, str) else None
            hint = f'; did you mean "{meant}"?' if meant else ""
            shown = "another text (not shown: it may be a secret)" if _secret(annotation, value) else found(value)
            self.add(key, f"expected {expected(annotation) if annotation else 'a table'}, found {shown}{hint}")

    def _unknown(self, key: Key) -> str:
        name = str(key[-1])
        if len(key) == 1:
            return _unknown_at_top(name, is_table=isinstance(self.merged.tree.get(name), dict))
        known = tables()[str(key[0])].fields
        if meant := near(name, known):
            return f"unknown key; did you mean `{meant}`?"
        if places := _tables_with(name):
            return f"unknown key; it belongs in {places}"
        if key[0] == "train" and not isinstance(lookup(self.merged.tree, key), dict):
            return "unknown key; parameters of your script belong in `params`"
        return f"unknown key; this table has {', '.join(known)}"


def _secret(annotation: Any, value: Any) -> bool:
    return isinstance(value, str) and annotation is not None and hidden(annotation)


def _unknown_at_top(name: str, *, is_table: bool) -> str:
    if meant := near(name, tables()):
        return f"unknown table; did you mean [{meant}]?" if is_table else f"expected a table; did you mean [{meant}]?"
    if not is_table and (places := _tables_with(name)):
        return f"a key outside of any table; it belongs in {places}"
    return f"unknown {'table' if is_table else 'key'}; there are {', '.join(f'[{one}]' for one in tables())}"


def _tables_with(name: str) -> str:
    dashed = name.replace("_", "-")
    return " or ".join(f"[{table.name}]" for table in tables().values() if dashed in table.fields)


def _fault(value: Any) -> str | None:
    """Why a value can't be a setting of any kind."""
    if isinstance(value, dt.date | dt.time):
        return f"no setting is a date or time; write it in quotes: {written(str(value))}"
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        return "the number is too large"
    if isinstance(value, str):
        if "\0" in value:
            return "the text has a NUL character"
        try:
            value.encode()
        except UnicodeEncodeError:
            return "the text is not valid UTF-8"
    return None
