"""Values from outside the file: `MLOPS_CI_<TABLE>__<KEY>` in the environment, and `--set table.key=value`."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from mlops_ci.config.declared import annotation_at, bare, choices, is_free_table, tables
from mlops_ci.config.errors import Problem
from mlops_ci.config.expected import near
from mlops_ci.config.keys import Key, dotted, leaves, lookup
from mlops_ci.config.layers import Layer, Origin
from mlops_ci.config.read import DEEPEST, deeper_than
from mlops_ci.settings.settings import Source

PREFIX = "MLOPS_CI_"
SEPARATOR = "__"


def environment_layer(environ: Mapping[str, str], below: Mapping[str, Any]) -> tuple[Layer, list[Problem]]:
    """The variables that name a setting. `below` is what the layers below say: it spells the names in free tables.

    An empty variable counts as not set, since that is how CI systems pass an input that nobody gave. Variables without
    a double underscore are the tool's own switches and none of ours.
    """
    known = _variables()
    entries: list[tuple[Key, str, str]] = []
    problems = []
    for name in sorted(environ):
        rest = name.removeprefix(PREFIX)
        if rest == name or SEPARATOR not in rest or not environ[name]:
            continue
        key = _key_of(rest, known, below)
        if key is None:
            guess = near(rest, known)
            meant = f"; did you mean `{PREFIX}{guess}`?" if guess else f"; names are {PREFIX}<TABLE>{SEPARATOR}<KEY>"
            problems.append(Problem(where=name, message=f"no setting has this name{meant}"))
        else:
            entries.append((key, environ[name], name))
    return _layer(entries, "environment"), problems


def _variables() -> dict[str, Key]:
    """`TRAIN__START_FROM` -> its key, for all settings."""
    return {
        f"{_shouted(table.name)}{SEPARATOR}{_shouted(key)}": (table.name, key)
        for table in tables().values()
        for key in table.fields
    }


def _shouted(name: str) -> str:
    return name.upper().replace("-", "_")


def _key_of(rest: str, known: Mapping[str, Key], below: Mapping[str, Any]) -> Key | None:
    parts = rest.split(SEPARATOR, 2)
    key = known.get(SEPARATOR.join(parts[:2]))
    if key is None or len(parts) == 2:
        return key
    if not parts[2] or not is_free_table(annotation_at(key)):
        return None
    existing = lookup(below, key)
    names = existing if isinstance(existing, Mapping) else {}
    spelled = next((name for name in names if _shouted(name) == parts[2].upper()), parts[2].lower())
    return (*key, spelled)


def set_layer(sets: Sequence[str], flags: Mapping[str, str]) -> tuple[Layer, list[Problem]]:
    """The values of `--set table.key=value`; a later one replaces an earlier one.

    `flags` are settings that have a flag of their own: its name, such as `--variant`, → table.key=value.
    """
    entries: list[tuple[Key, str, str]] = []
    problems = []
    for flag, one in [*((None, one) for one in sets), *flags.items()]:
        name, equals, text = one.partition("=")
        key = _parsed_key(name)
        if not equals:
            problems.append(Problem(where=f"--set {one}", message="expected table.key=value"))
        elif key is None:
            message = f"`{name.strip()}` is no key; expected table.key=value, a name with other characters in quotes"
            problems.append(Problem(where=f"--set {name.strip()}", message=message))
        else:
            entries.append((key, text, flag or f"--set {dotted(key)}"))
    return _layer(entries, "set"), problems


def _parsed_key(name: str) -> Key | None:
    if "\n" in name or "#" in name:
        return None
    try:
        tree: Any = tomllib.loads(f"{name} = 0")
    except (ValueError, RecursionError):
        return None
    key: list[str] = []
    while isinstance(tree, dict):
        ((part, tree),) = tree.items()
        key.append(part)
        if len(key) > 8:
            return None
    return tuple(key) if len(key) > 1 else None


def _layer(entries: Sequence[tuple[Key, str, str]], kind: Literal["environment", "set"]) -> Layer:
    tree: dict[str, Any] = {}
    origins: dict[Key, Origin] = {}
    for key, text, where in entries:
        at: Any = tree
        for name in key[:-1]:
            if not isinstance(at.get(name), dict):
                at[name] = {}
            at = at[name]
        value = at[key[-1]] = parsed_value(text, annotation_at(key))
        inside = [one for one, _ in leaves(value)] if isinstance(value, dict) else []
        origins.update({(*key, *one): Origin(source=Source(kind=kind, where=where)) for one in ((), *inside)})
    return Layer(tree=tree, origins=origins)


def parsed_value(text: str, annotation: Any) -> Any:
    """The value that `text` means: TOML where it is TOML, else the text itself.

    A setting that is a text stays one: `2.13` for `image.torch` is no number, unlike for a parameter.
    """
    try:
        tree = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    value = tree.get("value")
    wants_text = [bare(choice) for choice in choices(annotation)] == [str]
    is_date = isinstance(value, dt.date | dt.time)
    if len(tree) != 1 or is_date or deeper_than(value, DEEPEST) or (wants_text and not isinstance(value, str)):
        return text
    return value
