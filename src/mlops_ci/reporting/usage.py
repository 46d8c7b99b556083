"""What a job used of the machine, second by second."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from mlops_ci.reporting.jsonlines import LineReader, as_number
from mlops_ci.reporting.series import Point, Series, SeriesBuilder

GPU_FIELDS = ("utilization_percent", "memory_bytes", "power_watts", "temperature_c")
# Without samples for longer than this many usual intervals (and seconds), nothing was running: the line is broken.
BREAK = 5.0


@dataclass(frozen=True, kw_only=True)
class GpuUsage:
    """One GPU: `fields` has a series for each measure that was seen, among `GPU_FIELDS`."""

    index: int
    fields: Mapping[str, Series]

    def peak(self, name: str) -> float | None:
        """The largest sample of a measure, None without one."""
        return max(self._values(name), default=None)

    def mean(self, name: str) -> float | None:
        """The mean of a measure's samples, None without one."""
        values = self._values(name)
        return statistics.fmean(values) if values else None

    def _values(self, name: str) -> list[float]:
        return [y for _, y in self.fields[name].finite] if name in self.fields else []


@dataclass(frozen=True, kw_only=True)
class StageUsage:
    """The samples of one job by seconds since its first: processor in percent of a core, memory in bytes."""

    name: str
    cpu: Series
    memory: Series
    gpus: tuple[GpuUsage, ...]
    seconds: float

    @property
    def peak_memory(self) -> float | None:
        """The largest sample in bytes, None without one."""
        return max((y for _, y in self.memory.finite), default=None)

    @property
    def mean_cpu(self) -> float | None:
        """Percent of a core, None without a sample."""
        values = [y for _, y in self.cpu.finite]
        return statistics.fmean(values) if values else None


@dataclass
class _Collector:
    start: float | None = None
    series: dict[tuple[int, str], SeriesBuilder] = field(default_factory=dict)

    def add(self, line: Mapping[str, Any]) -> bool:
        """Take one line; False when it has no time."""
        time = as_number(line.get("time"))
        if time is None or not math.isfinite(time):
            return False
        self.start = time if self.start is None else self.start
        for name in ("cpu_percent", "memory_bytes"):
            self._add(-1, name, time, line.get(name))
        gpus = line.get("gpus")
        for gpu in gpus if isinstance(gpus, list) else []:
            if isinstance(gpu, dict) and isinstance(gpu.get("index"), int):
                for name in GPU_FIELDS:
                    self._add(gpu["index"], name, time, gpu.get(name))
        return True

    def _add(self, index: int, name: str, time: float, value: Any) -> None:
        if (number := as_number(value)) is not None:
            builder = self.series.setdefault((index, name), SeriesBuilder(name))
            builder.add(time - (self.start or 0.0), number)

    def build(self, index: int, name: str) -> Series:
        found = self.series.get((index, name))
        return broken(found.build()) if found else Series(name=name, points=(), count=0)


def read_usage(path: Path, name: str, file: str) -> tuple[StageUsage | None, list[str]]:
    """The samples of the job `name` (None when there are none), and what was wrong with `file`."""
    collector = _Collector()
    reader = LineReader(path)
    for line in reader:
        if not collector.add(line):
            reader.damaged += 1
    problems = [problem] if (problem := reader.problem(file)) else []
    if not collector.series:
        return None, problems
    return _usage(collector, name), problems


def _usage(collector: _Collector, name: str) -> StageUsage:
    cpu, memory = collector.build(-1, "cpu_percent"), collector.build(-1, "memory_bytes")
    gpus = tuple(
        GpuUsage(index=index, fields=_fields(collector, index))
        for index in sorted({index for index, _ in collector.series if index >= 0})
    )
    ends = [series.points[-1][0] for series in (cpu, memory) if series.points]
    return StageUsage(name=name, cpu=cpu, memory=memory, gpus=gpus, seconds=max(ends, default=0.0))


def _fields(collector: _Collector, index: int) -> dict[str, Series]:
    return {name: collector.build(index, name) for name in GPU_FIELDS if (index, name) in collector.series}


def broken(series: Series) -> Series:
    """The series with a gap wherever there were no samples for long: between two attempts nothing was measured."""
    steps = [after[0] - before[0] for before, after in _pairs(series.points)]
    if len(steps) < 3:
        return series
    longest = BREAK * max(1.0, statistics.median(steps))
    points = list(series.points[:1])
    for before, after in _pairs(series.points):
        if after[0] - before[0] > longest:
            points.append(((before[0] + after[0]) / 2, math.nan))
        points.append(after)
    return Series(name=series.name, points=tuple(points), count=series.count)


def _pairs(points: tuple[Point, ...]) -> Iterable[tuple[Point, Point]]:
    return pairwise(points)
