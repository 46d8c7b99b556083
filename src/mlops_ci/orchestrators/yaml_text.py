"""YAML as a person would write it: comments, plain scalars where they are safe, folded lines where they are long."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Mapping

WIDTH = 118
# Texts that YAML 1.1 or 1.2 would read as something else than a text, or that would end or begin something.
SPECIAL = re.compile(r"(?i)(?:true|false|yes|no|on|off|y|n|null|~|=|<<|[-+]?\.(?:inf|nan)|[-+]?\.?[0-9].*)")

Value = str | int | bool


def scalar(value: Value) -> str:
    """A value on one line. A text is plain where YAML reads it as that very text, else in single or double quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if _is_plain(value):
        return value
    return json.dumps(value, ensure_ascii=False) if "\n" in value or "'" in value else f"'{value}'"


def _is_plain(value: str) -> bool:
    if not value or value != value.strip() or SPECIAL.fullmatch(value) or value[0] in "-?:,[]{}#&*!|>'\"%@`":
        return False
    return ": " not in value and " #" not in value and "\n" not in value and not value.endswith(":")


def pairs(values: Mapping[str, Value]) -> list[str]:
    """`key: value` lines; a text of several lines as a block, a long expression folded."""
    lines: list[str] = []
    for key, value in values.items():
        lines += pair(key, value)
    return lines


def pair(key: str, value: Value) -> list[str]:
    """One `key: value`."""
    if isinstance(value, str) and "\n" in value:
        return [f"{key}: |", *indented(value.rstrip("\n").split("\n"))]
    line = f"{key}: {scalar(value)}"
    if isinstance(value, str) and len(line) > WIDTH - 14:
        folded = textwrap.wrap(value, WIDTH - 24, break_long_words=False, break_on_hyphens=False)
        return [f"{key}: >-", *indented(folded)]
    return [line]


def section(key: str, lines: Iterable[str]) -> list[str]:
    """`key:` with indented lines below it."""
    return [f"{key}:", *indented(lines)]


def item(lines: Iterable[str]) -> list[str]:
    """An item of a list: the first line behind the dash. Comments before it stay above."""
    first, *rest = list(lines)
    if first.startswith("#"):
        return [first, *item(rest)]
    return [f"- {first}", *indented(rest)]


def comment(text: str, width: int = WIDTH - 10) -> list[str]:
    """Lines of a comment; paragraphs stay apart."""
    lines: list[str] = []
    for paragraph in text.strip().split("\n\n"):
        if lines:
            lines.append("#")
        lines += [f"# {line}" for line in textwrap.wrap(" ".join(paragraph.split()), width, break_on_hyphens=False)]
    return lines


def indented(lines: Iterable[str]) -> list[str]:
    """Two spaces more; empty lines stay empty."""
    return [f"  {line}" if line else "" for line in lines]
