"""The reason for a failure in the job's own words: the exception that ended it, or its last line."""

from __future__ import annotations

import re
from collections.abc import Sequence

HEADER = "Traceback (most recent call last):"
RANK = re.compile(r"^\[rank\d+\]:\s?")
EXCEPTION = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?::\s?(?P<message>.*))?$")
SYNTAX = re.compile(r"^(?:SyntaxError|IndentationError|TabError): .+")
FRAME = re.compile(r'^\s+File "(?P<file>[^"]+)", line (?P<line>\d+)')
LAUNCHERS = ("ChildFailedError", "CalledProcessError", "ProcessRaisedException")
LONGEST = 300


def exception_of(lines: Sequence[str], folder: str) -> str | None:
    """The last Python exception in `lines`, as `Type: message (file:line)`; None when there is none.

    The place is the innermost frame below `folder`, the job's working directory. A launcher's own exception counts only
    when the program that it launched left none.
    """
    plain = [RANK.sub("", line) for line in lines]
    starts = [index for index, line in enumerate(plain) if line.rstrip().endswith(HEADER)]
    found = [one for one in (_from(plain, start, folder) for start in starts) if one]
    own = [one for one in found if not any(name in one for name in LAUNCHERS)]
    if own or found:
        return (own or found)[-1]
    syntax = [index for index, line in enumerate(plain) if SYNTAX.match(line)]
    return _with_place(plain[syntax[-1]], plain[: syntax[-1]], folder) if syntax else None


def last_line(lines: Sequence[str]) -> str:
    """The last line that says something."""
    return next((line.strip()[:LONGEST] for line in reversed(lines) if line.strip()), "")


def _from(lines: Sequence[str], start: int, folder: str) -> str | None:
    for index in range(start + 1, len(lines)):
        line = lines[index]
        if line.strip() == "" or line[0].isspace():
            continue
        return _with_place(line, lines[start:index], folder) if EXCEPTION.match(line) else None
    return None


def _with_place(exception: str, before: Sequence[str], folder: str) -> str:
    text = exception.strip()[:LONGEST]
    places = [place for place in (_place(line, folder) for line in before) if place]
    return f"{text} ({places[-1]})" if places else text


def _place(line: str, folder: str) -> str | None:
    """`file:line` of a frame below `folder`, relative to it."""
    frame = FRAME.match(line)
    if frame is None or frame["file"].startswith("<"):
        return None
    file, base = frame["file"], folder.rstrip("/") + "/"
    if file.startswith("/") and not file.startswith(base):
        return None
    return f"{file[len(base) :] if file.startswith('/') else file}:{frame['line']}"
