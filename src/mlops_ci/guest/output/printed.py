"""Metrics that a script prints, found by the regular expressions of `[train] metrics`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

LONGEST = 4096
"""Characters of a line that are searched: a regular expression of a user's may be slow on more."""

NOT_FINITE = re.compile(r"(?<![\w.])(?:nan|inf(?:inity)?)(?![\w.])", re.IGNORECASE)


class PatternError(Exception):
    """A regular expression cannot be used: what is wrong with it."""


@dataclass(frozen=True)
class Sighting:
    """Values that one line carries for one step."""

    step: int
    values: dict[str, float]


class PrintedMetrics:
    """Finds metrics in lines.

    Each expression has one group with the value (or a group named `value`), and may have groups named `step` or
    `epoch`. Without them the step is the how-manieth value of that metric it is, from 1. `nan` and `inf` are
    seen also where the expression only allows digits.
    """

    def __init__(self, patterns: Mapping[str, str], counts: Mapping[str, int] | None = None) -> None:
        self._patterns = {name: _compiled(name, pattern) for name, pattern in patterns.items()}
        self._counts = dict(counts or {})
        self.unreadable: dict[str, int] = {}

    def find(self, line: str) -> list[Sighting]:
        """The sightings in one line, one for each step that it names."""
        line = line[:LONGEST]
        by_step: dict[int, dict[str, float]] = {}
        for name, pattern in self._patterns.items():
            match = _search(pattern, line)
            if match is None:
                continue
            value = _number(
                line[slice(*match.span("value" if "value" in pattern.groupindex else _value_group(pattern)))]
            )
            if value is None:
                self.unreadable[name] = self.unreadable.get(name, 0) + 1
                continue
            by_step.setdefault(self._step(name, match), {})[name] = value
        return [Sighting(step, values) for step, values in by_step.items()]

    def _step(self, name: str, match: re.Match[str]) -> int:
        self._counts[name] = self._counts.get(name, 0) + 1
        for group in ("step", "epoch"):
            if group in match.re.groupindex:
                named = _number(match[group] or "")
                if named is not None and named >= 0 and named == int(named):
                    return int(named)
        return self._counts[name]


def _compiled(name: str, pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as problem:
        raise PatternError(f"the expression of metric {name} is not valid: {problem}") from problem
    if "value" not in compiled.groupindex and len(_unnamed(compiled)) != 1:
        message = (
            f"the expression of metric {name} needs exactly one group for the value, for example 'loss: ([0-9.]+)'"
        )
        raise PatternError(message)
    return compiled


def _unnamed(pattern: re.Pattern[str]) -> list[int]:
    named = {pattern.groupindex[group] for group in ("step", "epoch") if group in pattern.groupindex}
    return [group for group in range(1, pattern.groups + 1) if group not in named]


def _value_group(pattern: re.Pattern[str]) -> int:
    return _unnamed(pattern)[0]


def _search(pattern: re.Pattern[str], line: str) -> re.Match[str] | None:
    """The match, its places those of `line`: words for "no finite number" stand as digits while it is searched."""
    if NOT_FINITE.search(line):
        match = pattern.search(NOT_FINITE.sub(lambda found: "0" * len(found[0]), line))
        if match is not None:
            return match
    return pattern.search(line)


def _number(text: str) -> float | None:
    try:
        return float(text.strip())
    except ValueError:
        return None
