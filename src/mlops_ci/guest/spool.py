"""The metrics file: one JSON object a line, `{"time": seconds, "step": int, "<metric>": number, ...}`.

Written by the guest (printed metrics), by the SDK, and by scripts that append to `MLOPS_METRICS_FILE` themselves. Read
strictly: a line that is not such an object is counted and its number kept, and never guessed at. Not-a-number and
infinity are values (`NaN`, `Infinity`, `-Infinity`, bare or as strings); `time` and `step` may be missing, the step is
then the how-manieth value of that metric it is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LONGEST_LINE = 65536
CHUNK = 4 << 20
"""Bytes that are read at once: however long a file is, no more of it is held in memory."""
FIRST_BAD_LINES = 10
RESERVED = ("time", "step")
WORDS = {"nan": math.nan, "infinity": math.inf, "-infinity": -math.inf, "inf": math.inf, "-inf": -math.inf}


class BadLineError(ValueError):
    """A line of the metrics file that is no metric point: why."""


@dataclass(frozen=True)
class Point:
    """One line: Unix time in seconds (or None), step, values by metric name."""

    time: float | None
    step: int
    values: dict[str, float]


@dataclass
class SpoolReader:
    """Reads a growing metrics file piece by piece; `read` gives what is new, `behind` says that there is more already.

    `bad_lines` counts what was not understood, `first_bad_lines` holds the first line numbers (from 1).
    """

    path: Path
    offset: int = 0
    behind: bool = False
    lines: int = 0
    points: int = 0
    bad_lines: int = 0
    first_bad_lines: list[int] = field(default_factory=list)
    latest: dict[str, float] = field(default_factory=dict)
    latest_finite: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    _overlong: bool = False

    def all(self, *, final: bool = False) -> Iterator[Point]:
        """Every new point up to the end of the file, as `read` gives them."""
        self.behind = True
        while self.behind:
            yield from self.read(final=final)

    def read(self, *, final: bool = False) -> list[Point]:
        """The next of the new points. A last line without its newline waits for the next call, unless `final`.

        A missing file has no points; any other problem with reading is an `OSError`.
        """
        self.behind = False
        try:
            with self.path.open("rb") as stream:
                stream.seek(self.offset)
                data = stream.read(CHUNK)
        except FileNotFoundError:
            return []
        self.behind = len(data) == CHUNK
        whole = len(data) if final and not self.behind else data.rfind(b"\n") + 1
        if self.behind and not whole:
            # A line longer than all that: passed over, and counted when its end comes.
            self._overlong = True
            self.offset += len(data)
            return []
        self.offset += whole
        raw = data[:whole].split(b"\n")
        if self._overlong and whole:
            raw[0], self._overlong = b"too long", False
        return list(self._parse(raw[:-1] if raw[-1] == b"" else raw))

    def _parse(self, raw: Iterable[bytes]) -> Iterable[Point]:
        for line in raw:
            self.lines += 1
            try:
                point = parse_line(line, self.counts)
            except BadLineError:
                self.bad_lines += 1
                if len(self.first_bad_lines) < FIRST_BAD_LINES:
                    self.first_bad_lines.append(self.lines)
                continue
            self.points += 1
            self.latest.update(point.values)
            self.latest_finite.update({name: value for name, value in point.values.items() if math.isfinite(value)})
            for name in point.values:
                self.counts[name] = self.counts.get(name, 0) + 1
            yield point

    @property
    def non_finite(self) -> list[str]:
        """The metrics whose latest value is not a finite number."""
        return sorted(name for name, value in self.latest.items() if not math.isfinite(value))

    def warning(self) -> str | None:
        """One sentence about lines that were not understood, or None."""
        if not self.bad_lines:
            return None
        where = ", ".join(map(str, self.first_bad_lines)) + (" ..." if self.bad_lines > FIRST_BAD_LINES else "")
        count = f"{self.bad_lines} of {self.lines} lines of {self.path.name}"
        return f"{count} are no metric points and were left out: line {where}"


def parse_line(line: bytes, counts: dict[str, int]) -> Point:
    """One line as a point; raises `BadLineError`. `counts` (values so far) gives the step where the line has none."""
    if len(line) > LONGEST_LINE:
        raise BadLineError("too long")
    try:
        row = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadLineError(str(error)) from error
    if not isinstance(row, dict):
        raise BadLineError("not an object")
    values = {name: _value(row[name]) for name in row if name not in RESERVED}
    if not values or "" in values:
        raise BadLineError("no metric")
    time = None if row.get("time") is None else _value(row["time"])
    if time is not None and not math.isfinite(time):
        raise BadLineError("time is not finite")
    return Point(time=time, step=_step(row.get("step"), values, counts), values=values)


def _value(value: Any) -> float:
    if isinstance(value, str) and value.strip().lower() in WORDS:
        return WORDS[value.strip().lower()]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadLineError(f"not a number: {value!r:.40}")
    try:
        return float(value)
    except OverflowError as error:
        raise BadLineError("too large") from error


def _step(step: Any, values: dict[str, float], counts: dict[str, int]) -> int:
    if step is None:
        return 1 + max(counts.get(name, 0) for name in values)
    if isinstance(step, float) and step.is_integer():
        step = int(step)
    if isinstance(step, bool) or not isinstance(step, int) or not 0 <= step < 2**63:
        raise BadLineError(f"not a step: {step!r:.40}")
    return step
