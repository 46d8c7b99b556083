"""Runs and models side by side, as one page that loads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from mlops_ci.errors import UsageError
from mlops_ci.reporting.charts import FEWEST, LINES, Chart
from mlops_ci.reporting.html import drawn, environment
from mlops_ci.reporting.series import Series
from mlops_ci.reporting.side_by_side import Comparison, Side, Table, tables
from mlops_ci.reporting.side_by_side_text import heading
from mlops_ci.reporting.svg import LEGEND_NAME
from mlops_ci.version import version

# The page's limit in bytes, and how many lines of curves and rows of a table are tried until it holds.
BUDGET = 2_000_000
TRIES = ((360, 200), (180, 200), (90, 100), (24, 50), (0, 20), (0, 5))


class TooMuchToShowError(UsageError):
    """So much was to be put side by side that no page of the allowed size holds it."""


@dataclass(frozen=True, kw_only=True)
class _Limits:
    lines: int
    rows: int


def as_html(comparison: Comparison) -> str:
    """The page. Where it would be larger than `BUDGET` it shows fewer curves and rows, and says so."""
    for lines, rows in TRIES:
        page = _page(comparison, _Limits(lines=lines, rows=rows))
        if len(page.encode()) <= BUDGET:
            return page
    raise TooMuchToShowError(
        f"{len(comparison.sides)} sides do not fit on a page of {BUDGET / 1e6:.0f} MB",
        hint="name fewer of them, or take --format json",
    )


def curve_charts(sides: Sequence[Side], most: int) -> tuple[tuple[Chart, ...], int]:
    """One chart for each metric, a line for each side; and how many lines were left out beyond `most`."""
    curves: dict[str, list[Series]] = {}
    names = _told_apart([heading(side) for side in sides])
    for name, side in zip(names, sides, strict=True):
        for series in side.curves:
            if len(series.points) >= FEWEST and series.finite:
                curves.setdefault(series.name, []).append(replace(series, name=name))
    # What several sides have comes first, and among these what looks like a loss.
    order = sorted(curves, key=lambda name: (-len(curves[name]), "loss" not in name.lower()))
    charts: list[Chart] = []
    drawn_lines = 0
    for name in order:
        members = curves[name]
        if drawn_lines + len(members) > most:
            continue
        drawn_lines += len(members)
        charts += [
            Chart(title=name, x_label="step", y_label=name, lines=tuple(members[start : start + LINES]), whole=True)
            for start in range(0, len(members), LINES)
        ]
    return tuple(charts), sum(map(len, curves.values())) - drawn_lines


def _told_apart(names: Sequence[str]) -> Sequence[str]:
    """The names as a legend has room for them: long ones without the part at their beginning that all share."""
    common = _shared_beginning(names)
    start = 1 + max(common.rfind(mark) for mark in "-@/ ")
    if max(map(len, names), default=0) <= LEGEND_NAME or len(set(names)) < 2 or not start:
        return names
    return [f"…{name[start:]}" for name in names]


def _shared_beginning(names: Sequence[str]) -> str:
    """The characters with which every one of the names begins."""
    return "".join(column[0] for column in takewhile(lambda column: len(set(column)) == 1, zip(*names, strict=False)))


def _page(comparison: Comparison, limits: _Limits) -> str:
    charts, left_out = curve_charts(comparison.sides, limits.lines)
    shown = [_cut(one, limits.rows) for one in tables(comparison)]
    return (
        environment()
        .get_template("side_by_side.html")
        .render(
            sides=[(heading(side), side) for side in comparison.sides],
            tables=shown,
            curves=drawn(charts, "c"),
            left_out=left_out,
            notes=comparison.notes,
            version=version(),
        )
    )


def _cut(one: Table, rows: int) -> tuple[Table, int]:
    return replace(one, rows=one.rows[:rows]), max(0, len(one.rows) - rows)
