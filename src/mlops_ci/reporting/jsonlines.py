"""Files with one JSON object a line, as a job leaves them: the last line may be cut, others may be garbage."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Bytes of lines that are parsed at once.
BATCH = 1 << 18


@dataclass
class LineReader:
    """Iterates the objects of a file; `damaged` counts the lines that held none, `unreadable` says why it ended."""

    path: Path
    damaged: int = 0
    unreadable: str = ""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The objects, in the file's order."""
        try:
            with self.path.open("rb") as stream:
                while lines := stream.readlines(BATCH):
                    yield from self._objects(lines)
        except OSError as error:
            self.unreadable = error.strerror or str(error)

    def _objects(self, lines: list[bytes]) -> Iterator[dict[str, Any]]:
        """Those of the lines: all parsed at once, and where that fails each for itself."""
        if (found := _together(lines)) is not None:
            yield from found
            return
        for line in lines:
            if not line.strip():
                continue
            if (one := _object(line)) is None:
                self.damaged += 1
            else:
                yield one

    def problem(self, name: str) -> str:
        """What was wrong with the file, for people; empty when nothing was."""
        if self.unreadable:
            return f"{name}: not readable: {self.unreadable}"
        if self.damaged:
            return f"{name}: {self.damaged} line{'s' if self.damaged > 1 else ''} not understood and left out"
        return ""


def _together(lines: list[bytes]) -> list[dict[str, Any]] | None:
    """Each line as an array of its own within one, so that no two lines can be taken for one object; None if not so."""
    text = b"],[".join(lines)
    if text.count(b"],[") != len(lines) - 1:
        return None
    try:
        found = json.loads(b"[[" + text + b"]]")
    except (ValueError, RecursionError):
        return None
    whole = len(found) == len(lines) and all(len(one) == 1 and isinstance(one[0], dict) for one in found)
    return [one[0] for one in found] if whole else None


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def as_number(value: Any) -> float | None:
    """A JSON number as float (NaN and infinity included), None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
