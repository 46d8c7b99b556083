"""Text that goes to a log: control sequences out, so that nothing a program prints can command the log's reader."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from mlops_ci.console import PREFIX

# ECMA-48: CSI sequences, OSC strings, other two-byte escapes.
ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])?")
COLOUR = re.compile(r"\x1b\[([0-9;:]*)m")
# C0 controls but tab and line feed, and C1 controls.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
RESET = "\x1b[0m"
# More open attributes than this are noise, or an attack on the log's size.
MOST_OPEN = 8


def plain(text: str) -> str:
    """The text without escape sequences and control characters; its lines stay."""
    return CONTROL.sub("", ESCAPE.sub("", text))


def flat(text: str) -> str:
    """The same on one line."""
    return plain(text).replace("\n", " ")


def bones(text: str) -> str:
    """What is left of a text for a reader that takes invisible characters for nothing (format marks, accents)."""
    bare = flat(text)
    if bare.isascii():
        return bare
    return "".join(one for one in bare if unicodedata.category(one) not in {"Cf", "Cn", "Co", "Cs", "Mn", "Me"})


def rows(text: str) -> list[str]:
    """The lines of a text; of a progress bar that was drawn over itself, only what it showed last."""
    return [next((part for part in reversed(row.split("\r")) if part.strip()), "") for row in text.split("\n")]


@dataclass
class Painter:
    """Keeps colours and removes every other escape sequence; without `colour` these too.

    A log viewer forgets the colour at the end of a line: what a program left open is opened again on its next line,
    but never on a line of our own.
    """

    colour: bool
    _open: tuple[str, ...] = ()

    def paint(self, row: str) -> str:
        """One line as it may be shown."""
        if not self.colour:
            return flat(row)
        own = row.startswith(PREFIX)
        before = () if own else self._open
        kept, opened = _coloured(row, before)
        if not own:
            self._open = opened
        return "".join(before) + kept + (RESET if opened or before or kept.find("\x1b") >= 0 else "")

    def forget(self) -> None:
        """What was left open belonged to a program that has ended."""
        self._open = ()


def _coloured(row: str, before: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The line with its colours only, and the colours that are open at its end."""
    opened = before
    kept = []
    end = 0
    for match in COLOUR.finditer(row):
        kept += [flat(row[end : match.start()]), match[0]]
        opened = () if match[1].strip("0;:") == "" else (*opened, match[0])[-MOST_OPEN:]
        end = match.end()
    return "".join([*kept, flat(row[end:])]), opened
