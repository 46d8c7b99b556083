"""A TOML file from disk: every way in which it can be unreadable has its own message."""

from __future__ import annotations

import re
import stat
import tomllib
from pathlib import Path
from typing import Any

from mlops_ci.config.errors import ConfigError, Problem

LARGEST_BYTES = 1 << 20
DEEPEST = 16
SHOWN_CHARACTERS = 100
POSITION = re.compile(r"\s*\(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")
TEXT_HINT = "save it as plain text in UTF-8"


def read_text(file: Path, label: str) -> str:
    """The file's text with Unix line ends and no byte order mark; raises `ConfigError`. `label` names the file."""
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise ConfigError([Problem(where=label, message=f"is {kind}")], hint="name a TOML file")
        if status.st_size > LARGEST_BYTES:
            message = f"has {status.st_size} bytes, more than the {LARGEST_BYTES} that a configuration may have"
            raise ConfigError([Problem(where=label, message=message)], hint="is this the right file?")
        data = file.read_bytes()
    except FileNotFoundError:
        problem = Problem(where=label, message="there is no such file")
        raise ConfigError([problem], hint="check --config; `mlops-ci init` writes a new file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError([Problem(where=label, message=f"can't be read: {reason}")], hint="") from error
    return decoded(data, label)


def decoded(data: bytes, label: str) -> str:
    """What the file says, with Unix line ends and no byte order mark; raises `ConfigError`."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError([Problem(where=label, message="is UTF-16, not UTF-8")], hint=TEXT_HINT)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte 0x{data[error.start]:02x} is not UTF-8 (a file in Latin-1, or no text at all?)"
        raise ConfigError([_at(label, line, message)], hint=TEXT_HINT) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ConfigError([_at(label, line, "has a NUL byte: this is no text file")], hint=TEXT_HINT)
    return text.replace("\r\n", "\n")


def parse(text: str, label: str) -> dict[str, Any]:
    """The document as a tree; raises `ConfigError` with the line and a caret below the column."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(str(error), text, label) from None
    except RecursionError:
        raise ConfigError([Problem(where=label, message="lists or tables are nested too deeply")]) from None
    except ValueError as error:
        raise ConfigError([Problem(where=label, message=f"not valid TOML: {error}")]) from None
    if deeper_than(tree, DEEPEST):
        raise ConfigError([Problem(where=label, message=f"tables or lists are nested deeper than {DEEPEST}")])
    return tree


def _syntax_error(said: str, text: str, label: str) -> ConfigError:
    rows = text.split("\n")
    match = POSITION.search(said)
    if match and match["line"]:
        line, column = int(match["line"]), int(match["column"])
    else:
        line = max((number for number, row in enumerate(rows, start=1) if row.strip()), default=1)
        column = len(rows[line - 1]) + 1
    message = f"not valid TOML: {POSITION.sub('', said)}"
    row = rows[min(line, len(rows)) - 1]
    details: tuple[str, ...] = ()
    if column <= SHOWN_CHARACTERS:
        shown = row[:SHOWN_CHARACTERS].replace("\t", " ")
        number = str(line)
        details = (f"  {number} | {shown}", f"  {' ' * len(number)} | {' ' * (column - 1)}^")
    hint = "strings need quotes, and every key stands once" if row.strip() else ""
    return ConfigError([_at(label, line, message)], hint=hint, details=details)


def _at(label: str, line: int, message: str) -> Problem:
    return Problem(where=f"{label}:{line}", message=message, file=label, line=line)


def deeper_than(tree: Any, limit: int) -> bool:
    """Whether tables and lists are nested deeper; found without recursion."""
    level = [tree]
    for _ in range(limit + 1):
        level = [
            child
            for one in level
            for child in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
        ]
        if not level:
            return False
    return True
