"""Metric points as MLflow stores them, read from the files that the guest writes."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.guest.spool import SpoolReader
from mlops_ci.tracking.names import NameTable, clean

Key = tuple[int, int | None, float | str]

LATEST_MS = 2**62
# MLflow's own name space for samples of the machine.
SYSTEM = "system/"


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """One value of one metric: `name` as MLflow takes it, `timestamp` in milliseconds of Unix time."""

    name: str
    value: float
    step: int
    timestamp: int

    @property
    def key(self) -> Key:
        """What tells points of one metric apart, in the form in which a server on SQL gives them back.

        A resumed training logs the steps since its checkpoint again: the same value of the same step is one point,
        whenever it was logged. A sample of the machine is told apart by its time.
        """
        timestamp = self.timestamp if self.name.startswith(SYSTEM) else None
        return self.step, timestamp, stored_value(self.value)


def stored_value(value: float) -> float | str:
    """A value as it can be compared: not-a-number equals itself, infinity is the largest number, as in MLflow."""
    if math.isnan(value):
        return "nan"
    return max(-sys.float_info.max, min(sys.float_info.max, value))


class PointReader:
    """Reads a growing `metrics.jsonl` from its beginning; every reading of the same lines gives the same points.

    A line without a time gets that of the line before it, the first one `started_ms`.
    """

    def __init__(self, path: Path, *, started_ms: int) -> None:
        self.spool = SpoolReader(path)
        self._names = NameTable()
        self._time = started_ms
        self.unplaced = 0

    def read(self, *, final: bool = False) -> list[MetricPoint]:
        """The points that are new; with `final` also those of a last line that has no end."""
        points: list[MetricPoint] = []
        for line in self.spool.read(final=final):
            if line.time is not None:
                self._time = round(line.time * 1000)
            if not 0 <= self._time < LATEST_MS:
                self.unplaced += 1
                continue
            points.extend(
                MetricPoint(self._names.name(name), value, line.step, self._time) for name, value in line.values.items()
            )
        return points

    def warnings(self) -> tuple[str, ...]:
        """What could not be taken as it was written."""
        found = [self.spool.warning() or ""]
        if self.unplaced:
            found.append(f"{self.unplaced} lines of {self.spool.path.name} have an impossible time and were left out")
        if self._names.renamed:
            shown = ", ".join(f"{old!r} is {new!r}" for old, new in sorted(self._names.renamed.items())[:5])
            found.append(f"MLflow does not take some metric names as they are: {shown}")
        return tuple(text for text in found if text)


class SystemReader:
    """Reads a growing `system.jsonl`: one sample out of `every` seconds, as metrics `system/...`."""

    def __init__(self, path: Path, *, every: float) -> None:
        self._path = path
        self._every_ms = round(every * 1000)
        self._offset = 0
        self._next = 0
        self._step = 0

    def read(self) -> list[MetricPoint]:
        """The points of the samples that are new and due; lines that are no samples are passed over."""
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._offset)
                data = stream.read()
        except FileNotFoundError:
            return []
        whole = data.rfind(b"\n") + 1
        self._offset += whole
        points: list[MetricPoint] = []
        for line in data[:whole].splitlines():
            points.extend(self._sample(line))
        return points

    def _sample(self, line: bytes) -> list[MetricPoint]:
        try:
            row = json.loads(line)
            time = round(float(row.pop("time")) * 1000)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            return []
        if not self._next <= time < LATEST_MS:
            return []
        self._next = time + self._every_ms
        self._step += 1
        return [MetricPoint(clean(f"{SYSTEM}{name}"), value, self._step, time) for name, value in _numbers(row)]


def _numbers(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """The numbers of a nested object by path; members of a list go by their own `index`: `gpu/0/memory_bytes`."""
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{name}/")
        elif isinstance(value, list):
            for place, item in enumerate(value):
                if isinstance(item, Mapping):
                    rest = {key: one for key, one in item.items() if key != "index"}
                    yield from _numbers(rest, f"{prefix}{name.removesuffix('s')}/{item.get('index', place)}/")
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            yield f"{prefix}{name}", float(value)
