"""On which line of a TOML file each key stands. The standard library's parser gives the values without their places."""

from __future__ import annotations

import contextlib
import re
import tomllib
from bisect import bisect_left
from collections.abc import Mapping

from mlops_ci.config.keys import BARE, Key

SPACE = re.compile(r"[ \t]*")
FILLER = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
BASIC = re.compile(r'"(?:\\.|[^"\\\n])*"')
LITERAL = re.compile(r"'[^'\n]*'")
LONG_BASIC = re.compile(r'"""(?:\\.|[^\\])*?"""(?:"{0,2})', re.DOTALL)
LONG_LITERAL = re.compile(r"'''.*?'''(?:'{0,2})", re.DOTALL)
PLAIN = re.compile(r"[^,\]}#\n]*")


def lines_of(text: str) -> Mapping[Key, int]:
    """The line (from 1) of every table, key and list item of a document that the standard library has accepted.

    Items of lists and of arrays of tables have their position in the key. What this scanner does not understand ends
    the scan: the lines found so far are right, the rest is missing.
    """
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.document()
    return scanner.lines


class _Scanner:
    """A cursor over the text. Every method leaves it behind what it has read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Key, int] = {}
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._arrays: dict[Key, int] = {}

    def document(self) -> None:
        """Read statement after statement."""
        table: Key = ()
        while True:
            self._skip(FILLER)
            if self.at >= len(self.text):
                return
            before = self.at
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            if self.at == before:
                return

    def _skip(self, what: re.Pattern[str]) -> str:
        match = what.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return match[0] if match else ""

    def _note(self, key: Key, at: int) -> None:
        line = bisect_left(self._ends, at) + 1
        for length in range(1, len(key) + 1):
            self.lines.setdefault(key[:length], line)

    def _header(self) -> Key:
        start = self.at
        many = self.text.startswith("[[", start)
        self.at += 2 if many else 1
        key: Key = ()
        for part in self._key():
            # A header below an array of tables speaks of the array's newest element.
            key = (*key, self._arrays[key], part) if key in self._arrays else (*key, part)
        if many:
            self._arrays[key] = self._arrays.get(key, -1) + 1
        if key in self._arrays:
            key = (*key, self._arrays[key])
        self._note(key, start)
        self.at += 2 if many else 1
        return key

    def _key(self) -> list[str]:
        parts = []
        while True:
            self._skip(SPACE)
            parts.append(self._part())
            self._skip(SPACE)
            if not self.text.startswith(".", self.at):
                return parts
            self.at += 1

    def _part(self) -> str:
        if quoted := self._skip(BASIC):
            with contextlib.suppress(tomllib.TOMLDecodeError):
                return str(tomllib.loads(f"k = {quoted}")["k"])
            return quoted
        if quoted := self._skip(LITERAL):
            return quoted[1:-1]
        return self._skip(BARE)

    def _pair(self, table: Key) -> None:
        start = self.at
        key = (*table, *self._key())
        self._note(key, start)
        if self.text.startswith("=", self.at):
            self.at += 1
            self._skip(SPACE)
            self._value(key)

    def _value(self, key: Key) -> None:
        if self.text.startswith("[", self.at):
            self._list(key)
        elif self.text.startswith("{", self.at):
            self._inline_table(key)
        else:
            any(self._skip(form) for form in (LONG_BASIC, LONG_LITERAL, BASIC, LITERAL, PLAIN))

    def _list(self, key: Key) -> None:
        self.at += 1
        position = 0
        while self._more("]"):
            before = self.at
            self._note((*key, position), before)
            self._value((*key, position))
            position += 1
            if self.at == before:
                return

    def _inline_table(self, key: Key) -> None:
        self.at += 1
        while self._more("}"):
            before = self.at
            self._pair(key)
            if self.at == before:
                return

    def _more(self, end: str) -> bool:
        """Step over space, comments and one comma; False (behind the end) when the list or table ends here."""
        self._skip(FILLER)
        if self.text.startswith(",", self.at):
            self.at += 1
            self._skip(FILLER)
        if self.at >= len(self.text) or self.text.startswith(end, self.at):
            self.at += 1
            return False
        return True
