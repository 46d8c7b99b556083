"""Runs and models side by side: what a comparison holds, and the tables that every form of it shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mlops_ci.reporting.format import between, duration, number, size
from mlops_ci.reporting.series import Series

UNKNOWN = "–"
PARAMS = "train.params."


@dataclass(frozen=True, kw_only=True)
class Side:
    """One run or model, as it was `name`d. What is not known of it is empty or null.

    `seconds` by stage, `settings` as digests by name, `lineage` by label: commit, data, image, seed.
    """

    name: str
    run: str
    model: str | None = None
    version: str | None = None
    verdict: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: tuple[Series, ...] = ()
    lineage: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    image_bytes: int | None = None
    model_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A side's value minus that of the first; `interval` where the predictions of both were kept."""

    value: float
    interval: tuple[float, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One metric (of a slice, where `rows` says of how many examples): a value and a difference for each side."""

    name: str
    values: tuple[float | None, ...]
    differences: tuple[Difference | None, ...]
    rows: int | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All sides; the first is what the others are held against. `notes` say what could not be compared, and why."""

    sides: tuple[Side, ...]
    metrics: tuple[Row, ...]
    slices: tuple[Row, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of text: a row has a name, and one cell for each side. `code`: names and digests, to be copied."""

    title: str
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    code: bool = False
    empty: str = ""


def tables(comparison: Comparison) -> tuple[Table, ...]:
    """All tables but curves, in the order of reading."""
    sides = comparison.sides
    return (
        Table(title="Metrics", rows=tuple(map(_numbers, comparison.metrics)), empty="No side has a metric."),
        Table(
            title="Slices",
            rows=tuple(map(_numbers, comparison.slices)),
            empty="No slices: they need the predictions of two sides on the same examples, with columns to tell apart.",
        ),
        Table(title="Cost and size", rows=_cost(sides)),
        Table(
            title="Parameters that differ", rows=differing(sides, lambda side: side.params), code=True,
            empty="No known parameter differs.",
        ),
        Table(
            title="Other settings that differ", rows=differing(sides, _other_settings(sides)), code=True,
            empty="No known setting differs. Of settings only digests are kept.",
        ),
        Table(
            title="Inputs that differ", rows=differing(sides, lambda side: side.lineage), code=True,
            empty="No known input differs.",
        ),
    )  # fmt: skip


def differing(
    sides: Sequence[Side], of: Callable[[Side], Mapping[str, str]]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The names whose values are not the same on all sides that know anything of this kind."""
    names = dict.fromkeys(name for side in sides for name in of(side))
    rows = {name: tuple(of(side).get(name, UNKNOWN) for side in sides) for name in names}
    knowing = [index for index, side in enumerate(sides) if of(side)]
    return tuple((name, row) for name, row in rows.items() if len({row[index] for index in knowing}) > 1)


def shown(row: Row, index: int) -> str:
    """A value and, behind it, how far it is from the first side's."""
    value, difference = row.values[index], row.differences[index]
    if value is None:
        return UNKNOWN
    if difference is None:
        return number(value)
    sign = "+" if difference.value > 0 else ""
    away = f" ({sign}{number(difference.value, 3)}"
    return f"{number(value)}{away}{f'; {between(difference.interval)}' if difference.interval else ''})"


def _other_settings(sides: Sequence[Side]) -> Callable[[Side], Mapping[str, str]]:
    """The settings without the parameters, where these are known of all sides and have a table of their own."""
    if not all(side.params for side in sides):
        return lambda side: side.settings
    return lambda side: {name: value for name, value in side.settings.items() if not name.startswith(PARAMS)}


def _numbers(row: Row) -> tuple[str, tuple[str, ...]]:
    name = row.name if row.rows is None else f"{row.name} ({row.rows} examples)"
    return name, tuple(shown(row, index) for index in range(len(row.values)))


def _cost(sides: Sequence[Side]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    stages = dict.fromkeys(stage for side in sides for stage in side.seconds)
    totals = tuple(duration(sum(side.seconds.values())) if side.seconds else UNKNOWN for side in sides)
    times = [
        (stage, tuple(duration(side.seconds[stage]) if stage in side.seconds else UNKNOWN for side in sides))
        for stage in stages
    ]
    return (
        ("model", tuple(_size(side.model_bytes) for side in sides)),
        ("image, unpacked", tuple(_size(side.image_bytes) for side in sides)),
        ("all stages", totals),
        *times,
    )


def _size(count: int | None) -> str:
    return UNKNOWN if count is None else size(count)
