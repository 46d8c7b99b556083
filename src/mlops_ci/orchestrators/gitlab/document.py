"""YAML as a person would write it: block style, comments with reasons, quotes only where YAML needs them.

The standard library has no YAML, and what writes these files also explains them: a writer of our own keeps both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 120
# Plain scalars: what starts and ends like this, has no `: ` and no ` #` in it, and is none of the words below.
PLAIN = re.compile(r"[A-Za-z0-9./$_~(](?:[ -~]*[!-9;-~])?")
NOT_PLAIN = (": ", " #")
NOT_TEXT = re.compile(r"(?i)true|false|yes|no|on|off|y|n|null|~|\.inf|\.nan|[-+.]?[0-9][0-9a-f_.,:xoetz +-]*|[.=]+")
FLOW_MARKS = frozenset("[]{},")
# Several lines of printable ASCII, none of which starts the block with a space, ends with one, or is empty.
BLOCK = re.compile(r"[!-~]([ -~]*[!-~])?(\n[ -~]*[!-~])+\n?|[!-~]([ -~]*[!-~])?\n")
NEWLINE = "\n"
ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


@dataclass(frozen=True)
class Explained:
    """A value with the reason for it, which is written as a comment above."""

    why: str
    value: Any


@dataclass(frozen=True)
class Flow:
    """A short list or mapping that stands on its key's own line."""

    value: Any


def yaml(value: Mapping[str, Any]) -> str:
    """The text of a document: mappings, sequences, strings, numbers, booleans, `Explained` and `Flow` values."""
    return "".join(f"{line}\n" for line in _mapping(value, ""))


def comment(text: str, indent: str = "") -> list[str]:
    """The text as comment lines, broken at the width; a line break in it stays."""
    lines: list[str] = []
    for paragraph in text.splitlines():
        line = f"{indent}#"
        for word in paragraph.split(" "):
            if len(line) + 1 + len(word) > WIDTH and line.strip() != "#":
                lines.append(line)
                line = f"{indent}#"
            line = f"{line} {word}"
        lines.append(line.rstrip())
    return lines


def scalar(value: str | float | bool, *, flow: bool = False) -> str:
    """One value on its own: plain where that is safe (in brackets of `flow`, too), else in quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    plain = PLAIN.fullmatch(value) and not NOT_TEXT.fullmatch(value) and not any(one in value for one in NOT_PLAIN)
    if plain and not (flow and FLOW_MARKS & set(value)):
        return value
    if '"' in value and "'" not in value and value.isprintable():
        return f"'{value}'"
    return _quoted(value)


def _quoted(value: str) -> str:
    """Double quotes; what cannot be seen is written as its number."""
    return "".join(
        ['"', *(ESCAPES.get(one) or (one if one.isprintable() else f"\\U{ord(one):08x}") for one in value), '"']
    )


def _mapping(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, one in value.items():
        inner = one
        if isinstance(one, Explained):
            yield from comment(one.why, indent)
            inner = one.value
        yield from _entry(f"{indent}{scalar(key)}:", inner, indent)


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    """The lines of a key, or of a dash, with its value."""
    if isinstance(value, Flow):
        yield f"{head} {_flow(value.value)}"
    elif isinstance(value, Mapping):
        yield head if value else f"{head} {{}}"
        yield from _mapping(value, f"{indent}  ")
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield head if value else f"{head} []"
        yield from _sequence(value, f"{indent}  ")
    elif isinstance(value, str) and BLOCK.fullmatch(value):
        yield f"{head} {'|' if value.endswith(NEWLINE) else '|-'}"
        yield from (f"{indent}  {line}" for line in value.removesuffix("\n").split("\n"))
    else:
        yield f"{head} {scalar(value)}"


def _sequence(value: Sequence[Any], indent: str) -> Iterator[str]:
    for one in value:
        inner = one
        if isinstance(one, Explained):
            yield from comment(one.why, indent)
            inner = one.value
        if isinstance(inner, Mapping) and inner:
            for index, line in enumerate(_mapping(inner, f"{indent}  ")):
                yield f"{indent}- {line.strip()}" if index == 0 else line
        else:
            yield from _entry(f"{indent}-", inner, indent)


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key, flow=True)}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(_flow(one) for one in value) + "]"
    return scalar(value, flow=True)
