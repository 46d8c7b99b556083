"""Finds where in the code something is wrong in what programs print: linters, compilers, test runners, tracebacks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

# Most linters and compilers: `path:line: text`, `path:line:column: text`.
LINE = re.compile(r"(?P<path>[^\s:][^:]*?):(?P<line>\d+):(?:\d+:?)?\s*(?P<text>\S.*)")
# ruff and others that point: `CODE text`, and below it `--> path:line:column`.
ARROW = re.compile(r"\s*--> (?P<path>[^\s:][^:]*?):(?P<line>\d+)(?::\d+)?")
# Python: `File "path", line 3`, and at the end of the traceback `SomeError: text`.
FRAME = re.compile(r'\s*File "(?P<path>[^"]+)", line (?P<line>\d+)')
RAISED = re.compile(r"(?P<text>(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Warning|Interrupt)\b.*)")
LONGEST = 400
# Packages that are installed are nobody's own code, even where a file has the same name; neither are our copies of it.
OTHERS = frozenset({"site-packages", "dist-packages"})
OURS = ".mlops/"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A file of the repository, a line of it, and what was said of that."""

    path: str
    line: int
    text: str


def places(lines: Iterable[str], find: Callable[[str], str | None]) -> Iterator[Place]:
    """Each place that is named; `find` gives the repository's own name of a path, or None for what is no file of it."""
    above, frame = "", None
    for row in lines:
        line = row.rstrip()
        if match := FRAME.match(line):
            found = find(match["path"])
            frame = (found, int(match["line"])) if found else frame
        elif frame is not None and (match := RAISED.match(line)):
            yield Place(path=frame[0], line=frame[1], text=match["text"][:LONGEST])
            frame = None
        elif match := ARROW.fullmatch(line):
            if found := find(match["path"]):
                yield Place(path=found, line=int(match["line"]), text=(above.strip() or "see this line")[:LONGEST])
        elif (match := LINE.fullmatch(line)) and (found := find(match["path"])):
            yield Place(path=found, line=int(match["line"]), text=match["text"][:LONGEST])
        if line.strip():
            above = line


def in_repository(path: str, exists: Callable[[str], bool]) -> str | None:
    """The name of a file in the repository. A job works in a copy, whose folder is not the repository's."""
    parts = PurePosixPath(path).parts
    if ".." in parts or "\0" in path or OTHERS & set(parts):
        return None
    absolute = parts[:1] == ("/",)
    for start in range(1, len(parts)) if absolute else (0,):
        name = PurePosixPath(*parts[start:]).as_posix() if parts[start:] else ""
        if name and not name.startswith(OURS) and exists(name):
            return name
    return None
