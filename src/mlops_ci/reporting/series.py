"""A line of points, and what remains of it when it must be short."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

Point = tuple[float, float]

# A series holds at most this many points while a file is read, so that a page on a long run needs little memory.
HELD = 40_000


@dataclass(frozen=True, kw_only=True)
class Series:
    """Points by rising x; a y that is not finite is a gap. `count` is how many values there were at first."""

    name: str
    points: tuple[Point, ...]
    count: int

    @property
    def finite(self) -> tuple[Point, ...]:
        """The points that can be drawn."""
        return tuple(point for point in self.points if math.isfinite(point[1]))

    @property
    def last(self) -> float | None:
        """The newest value, also one that is not finite; None without points."""
        return self.points[-1][1] if self.points else None

    @property
    def gaps(self) -> tuple[float, ...]:
        """Where the value is not finite."""
        return tuple(x for x, y in self.points if not math.isfinite(y))


@dataclass
class SeriesBuilder:
    """Collects a series' points in any order; of two values at one x the later one counts."""

    name: str
    count: int = 0
    _points: list[Point] = field(default_factory=list)

    def add(self, x: float, y: float) -> None:
        """Take one point; `x` must be finite."""
        self.count += 1
        self._points.append((x, y))
        if len(self._points) >= HELD:
            self._points = thin(_ordered(self._points), HELD // 4)

    def build(self) -> Series:
        """The series so far."""
        return Series(name=self.name, points=tuple(_ordered(self._points)), count=self.count)


def _ordered(points: Iterable[Point]) -> list[Point]:
    return sorted(dict(points).items())


def thin(points: Sequence[Point], limit: int) -> list[Point]:
    """At most `limit` points (at least 8) that look the same: of each bucket the lowest, the highest and one gap."""
    if len(points) <= limit:
        return list(points)
    heights = [y for _, y in points]
    per_bucket = 2 if all(map(math.isfinite, heights)) else 3
    buckets = max(1, (limit - 2) // per_bucket)
    choose = _extremes if per_bucket == 2 else _extremes_and_gap
    kept = {0, len(points) - 1}
    for number in range(buckets):
        start, end = number * len(points) // buckets, (number + 1) * len(points) // buckets
        kept.update(start + index for index in choose(heights[start:end]))
    return [points[index] for index in sorted(kept)]


def _extremes(heights: list[float]) -> Iterable[int]:
    return heights.index(min(heights)), heights.index(max(heights))


def _extremes_and_gap(heights: list[float]) -> Iterable[int]:
    finite = [y for y in heights if math.isfinite(y)]
    if finite:
        yield heights.index(min(finite))
        yield heights.index(max(finite))
    if len(finite) < len(heights):
        yield next(index for index, y in enumerate(heights) if not math.isfinite(y))
