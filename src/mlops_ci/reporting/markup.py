"""Text inside Markdown that must stay text: in tables, in HTML blocks, on GitHub and on GitLab."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mlops_ci.reporting.format import clean, one_line

# As numeric character references these mean nothing but themselves, in Markdown and in HTML blocks alike (CommonMark,
# section 2.5: an entity cannot stand for a character that has a structural meaning).
SPECIAL = re.compile(r"[\\`*_\[\]{}|~$<>&\"']")
# A zero-width space keeps `@name`, `#12`, `!12` from calling people and linking to strangers' issues.
MENTION = re.compile(r"(?<![\w])([@#!])(?=\w)")
COMMAND = re.compile(r"[\\`*_\[\]{}|~$<>&\"'@#!]")
LONGEST = 300


def inert(line: str) -> str:
    """The text, already without line breaks, so that no reader of Markdown or HTML obeys it."""
    return SPECIAL.sub(lambda found: f"&#{ord(found[0])};", MENTION.sub("\\1\u200b", clean(line)))


def text(value: object, width: int = LONGEST) -> str:
    """The value as inert text on one line; an empty one is a dash."""
    return inert(one_line(str(value), width)) or "–"


def code(value: object) -> str:
    """The value as inert text in a fixed-width font."""
    return f"<code>{text(value)}</code>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the cells are Markdown already."""
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def details(title: str, content: str) -> str:
    """A folded part; `title` is inert already. Parts are never nested: providers drop them by their tags."""
    return f"<details>\n<summary>{title}</summary>\n\n{content}\n\n</details>"


def preformatted(lines: Iterable[str]) -> str:
    """Lines as they are, for logs."""
    return "<pre>\n" + "\n".join(map(inert, lines)) + "\n</pre>"


def pasteable(lines: Iterable[str]) -> str:
    """Commands: every character comes out as it was, with nothing invisible in between (no `@` calls anybody here)."""
    shown = (COMMAND.sub(lambda found: f"&#{ord(found[0])};", clean(line)) for line in lines)
    return "<pre>\n" + "\n".join(shown) + "\n</pre>"
