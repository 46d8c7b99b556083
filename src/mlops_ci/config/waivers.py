"""The file `waivers.toml`: every entry, or one error that says all that is wrong in it."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlops_ci.config.errors import ConfigError, Problem
from mlops_ci.config.expected import found, near
from mlops_ci.config.keys import Key
from mlops_ci.config.lines import lines_of
from mlops_ci.config.read import decoded, parse
from mlops_ci.settings.waivers import Waiver

TABLE = "waiver"
FIELDS = tuple(one.name for one in dataclasses.fields(Waiver) if one.name != "line")
REQUIRED = ("id", "reason", "expires")
PLACES = ("package", "path")
HINT = "what a waiver says stands in docs/scanning.md"


def read_waivers(data: bytes, label: str) -> tuple[Waiver, ...]:
    """The waivers in these bytes; raises `ConfigError` with everything that is wrong, `label` names the file."""
    text = decoded(data, label)
    tree = parse(text, label)
    reader = _Reader(label=label, lines=lines_of(text), problems=[])
    entries = reader.entries(tree)
    waivers = [reader.waiver(entry, index) for index, entry in entries]
    reader.twice([one for one in waivers if one is not None])
    if reader.problems:
        raise ConfigError(reader.problems, hint=HINT)
    return tuple(one for one in waivers if one is not None)


@dataclass(frozen=True, kw_only=True)
class _Reader:
    label: str
    lines: Mapping[Key, int]
    problems: list[Problem]

    def entries(self, tree: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
        for name in tree:
            if name != TABLE:
                self._tell((name,), f"unknown table; did you mean [[{TABLE}]]?")
        listed = tree.get(TABLE, [])
        if not isinstance(listed, list):
            self._tell((TABLE,), f"expected entries that each begin with [[{TABLE}]], found {found(listed)}")
            return
        for index, entry in enumerate(listed):
            if isinstance(entry, Mapping):
                yield index, entry
            else:
                self._tell((TABLE, index), f"expected a table, found {found(entry)}")

    def waiver(self, entry: Mapping[str, Any], index: int) -> Waiver | None:
        """One entry; None when there is anything wrong with it."""
        before = len(self.problems)
        at: Key = (TABLE, index)
        values = {key: self._value(key, value, (*at, key)) for key, value in entry.items()}
        for key in REQUIRED:
            if key not in entry:
                self._tell(at, f"`{key}` is missing")
        if len([key for key in PLACES if key in entry]) != 1:
            self._tell(at, "says either `package` (of a vulnerability or licence) or `path` (of anything else)")
        if len(self.problems) > before:
            return None
        return Waiver(**values, line=self.lines.get(at, 0))

    def twice(self, waivers: list[Waiver]) -> None:
        """Tell of entries for one and the same finding: it could not be said which of them holds."""
        first: dict[str, Waiver] = {}
        for one in waivers:
            known = first.setdefault(one.named, one)
            if known is not one:
                message = f"{one.named} is waived twice, first on line {known.line}"
                where = f"{self.label}:{one.line}"
                self.problems.append(Problem(where=where, message=message, file=self.label, line=one.line))

    def _value(self, key: str, value: Any, at: Key) -> str:
        if key not in FIELDS:
            meant = near(key, FIELDS)
            self._tell(at, f"unknown key; {f'did you mean `{meant}`?' if meant else f'there are {_list(FIELDS)}'}")
        elif key == "expires":
            return self._day(value, at)
        elif not isinstance(value, str) or not value.strip():
            self._tell(at, f"`{key}`: expected a text that is not empty, found {found(value)}")
        return value if isinstance(value, str) else ""

    def _day(self, value: Any, at: Key) -> str:
        day = value.date() if isinstance(value, dt.datetime) else value
        if isinstance(day, str):
            with contextlib.suppress(ValueError):
                day = dt.date.fromisoformat(day)
        if isinstance(day, dt.date):
            return day.isoformat()
        self._tell(at, f"`expires`: expected a day such as 2026-12-31, found {found(value)}")
        return ""

    def _tell(self, key: Key, message: str) -> None:
        line = self.lines.get(key)
        where = f"{self.label}:{line}" if line else self.label
        self.problems.append(Problem(where=where, message=message, file=self.label, line=line))


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names)
