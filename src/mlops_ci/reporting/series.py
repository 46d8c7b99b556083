"""A line of points, and what remains of it when it must be short."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

Point = tuple[float, float]

# A series holds at most this many points while a file is read, so that a page on a long run needs little memory.
HELD = 20_000


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
        if len(self._points) >= 2 * HELD:
            self._points = thin(_ordered(self._points), HELD)

    def build(self) -> Series:
        """The series so far."""
        return Series(name=self.name, points=tuple(_ordered(self._points)), count=self.count)


def _ordered(points: Iterable[Point]) -> list[Point]:
    return sorted(dict(points).items())


def thin(points: Sequence[Point], limit: int) -> list[Point]:
    """At most `limit` points (at least 8) that look the same: of each bucket the lowest, the highest and one gap."""
    if len(points) <= limit:
        return list(points)
    per_bucket = 2 if all(math.isfinite(y) for _, y in points) else 3
    buckets = max(1, (limit - 2) // per_bucket)
    kept = {0, len(points) - 1}
    for number in range(buckets):
        start, end = number * len(points) // buckets, (number + 1) * len(points) // buckets
        finite = [index for index in range(start, end) if math.isfinite(points[index][1])]
        if finite:
            kept.add(min(finite, key=lambda index: points[index][1]))
            kept.add(max(finite, key=lambda index: points[index][1]))
        if len(finite) < end - start:
            kept.add(next(index for index in range(start, end) if not math.isfinite(points[index][1])))
    return [points[index] for index in sorted(kept)]
