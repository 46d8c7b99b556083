"""Small line charts as SVG text, without any library: readable in light and dark, on paper, and to a screen reader.

Text and axes take the colour of the text around them (`currentColor`), lines the page's `--line-1` to `--line-6`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

from mlops_ci.reporting.charts import Chart
from mlops_ci.reporting.format import clean, counted, number, one_line
from mlops_ci.reporting.series import Point, Series, thin
from mlops_ci.reporting.ticks import labels, span, ticks, widened

WIDTH = 360
PLOT_HEIGHT = 168
TOP, BOTTOM, RIGHT = 10, 36, 12
LEGEND_ROW = 17
# Characters of a name that a legend always has room for.
LEGEND_NAME = 12
# Pixels of a digit and of a letter at the size of the text here, measured for common sans-serif fonts.
CHARACTER = 6.3
POINTS = 300
MARKED_GAPS = 16
COLOURS = ("#2563eb", "#d97706", "#059669", "#c026d3", "#dc2626", "#0891b2")


@dataclass(frozen=True, kw_only=True)
class _Frame:
    """The plot's place in the picture, in pixels, and what it shows."""

    left: float
    low: Point
    high: Point

    def x(self, value: float) -> float:
        return self.left + _share(value, self.low[0], self.high[0]) * (WIDTH - RIGHT - self.left)

    def y(self, value: float) -> float:
        return TOP + (1.0 - _share(value, self.low[1], self.high[1])) * PLOT_HEIGHT


def _share(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value / 2 - low / 2) / (high / 2 - low / 2)))


def line_chart(chart: Chart, ident: str) -> str:
    """The chart as one `<svg>` element; `ident` must be unique in the page."""
    points = [point for line in chart.lines for point in line.finite]
    edges = [x for line in chart.lines for x, _ in line.points]
    low_x, high_x = span(edges)
    low_y, high_y = widened(*span([y for _, y in points], zero=chart.zero), 4)
    rows = ticks(low_y, high_y, 4)
    names = labels(rows)
    left = 12 + CHARACTER * max((len(name) for name in names), default=1)
    frame = _Frame(left=left, low=(low_x, low_y), high=(high_x, high_y))
    legend_top = TOP + PLOT_HEIGHT + BOTTOM
    height = legend_top + LEGEND_ROW * len(chart.lines) + 2
    body = [
        *(_row(frame, value, name) for value, name in zip(rows, names, strict=True)),
        *_columns(frame, chart),
        *(_line(frame, line, index) for index, line in enumerate(chart.lines)),
        *(_legend(line, index, legend_top, left) for index, line in enumerate(chart.lines)),
    ]
    if not points:
        body.append(_text((left + WIDTH - RIGHT) / 2, TOP + PLOT_HEIGHT / 2, "no data", anchor="middle"))
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="{ident}-t {ident}-d" '
        f'font-size="11" fill="currentColor" xmlns="http://www.w3.org/2000/svg">'
        f'<title id="{ident}-t">{_safe(_title(chart))}</title><desc id="{ident}-d">{_safe(_description(chart))}</desc>'
        f"{''.join(body)}</svg>"
    )


def _row(frame: _Frame, value: float, name: str) -> str:
    y = frame.y(value)
    return (
        f'<path d="M{frame.left:.1f} {y:.1f}H{WIDTH - RIGHT}" stroke="currentColor" stroke-opacity=".15"/>'
        f"{_text(frame.left - 6, y + 3.8, name, anchor='end')}"
    )


def _columns(frame: _Frame, chart: Chart) -> list[str]:
    values = ticks(frame.low[0], frame.high[0], 5, whole=chart.whole)
    bottom = TOP + PLOT_HEIGHT
    found = [
        f'<path d="M{frame.x(value):.1f} {bottom}v4" stroke="currentColor" stroke-opacity=".5"/>'
        f"{_text(frame.x(value), bottom + 15, name, anchor='middle')}"
        for value, name in zip(values, labels(values), strict=True)
    ]
    label = _text((frame.left + WIDTH - RIGHT) / 2, bottom + 29, clean(chart.x_label), anchor="middle", faint=True)
    return [*found, label]


def _line(frame: _Frame, series: Series, index: int) -> str:
    colour = _colour(index)
    commands: list[str] = []
    dots: list[Point] = []
    for run in _runs(thin(series.points, POINTS)):
        places = [f"{frame.x(x):.1f} {frame.y(y):.1f}" for x, y in run]
        if len(run) == 1:
            dots.append(run[0])
        else:
            commands.append("M" + "L".join(places))
    if series.finite:
        dots.append(series.finite[-1])
    path = (
        f'<path d="{"".join(commands)}" fill="none" style="stroke:{colour}" stroke-width="1.7" '
        f'stroke-linejoin="round" stroke-linecap="round"/>'
        if commands
        else ""
    )
    circles = "".join(
        f'<circle cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="2.6" style="fill:{colour}"/>' for x, y in set(dots)
    )
    return path + circles + _gap_marks(frame, series, colour)


def _runs(points: list[Point]) -> list[list[Point]]:
    """The points between gaps."""
    runs: list[list[Point]] = [[]]
    for point in points:
        if math.isfinite(point[1]):
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _gap_marks(frame: _Frame, series: Series, colour: str) -> str:
    """Small crosses on the axis where a logged value was not finite."""
    gaps = _logged_gaps(series)
    places = gaps[:: max(1, math.ceil(len(gaps) / MARKED_GAPS))]
    bottom = TOP + PLOT_HEIGHT - 3
    crosses = "".join(f"M{frame.x(x) - 3:.1f} {bottom - 3}l6 6m0-6l-6 6" for x in places)
    return f'<path d="{crosses}" style="stroke:{colour}" stroke-width="1.4"/>' if crosses else ""


def _legend(series: Series, index: int, top: int, left: float) -> str:
    y = top + LEGEND_ROW * index + 8
    room = int((WIDTH - left - 24) / CHARACTER)
    values = _values(series)
    name = one_line(series.name, max(LEGEND_NAME, room - len(values) - 2))
    values = one_line(values, max(1, room - len(name) - 1))
    return (
        f'<path d="M{left:.1f} {y}h14" style="stroke:{_colour(index)}" stroke-width="3" stroke-linecap="round"/>'
        f'<text x="{left + 21:.1f}" y="{y + 4}">{_safe(name)} <tspan opacity=".7">{_safe(values)}</tspan></text>'
    )


def _values(series: Series) -> str:
    if not series.finite:
        return "no finite value"
    if _logged_gaps(series):
        return f"last {number(series.last, 4)}, {len(series.gaps)} not finite"
    heights = [y for _, y in series.finite]
    return f"last {number(heights[-1], 4)}, range {number(min(heights), 4)} to {number(max(heights), 4)}"


def _logged_gaps(series: Series) -> tuple[float, ...]:
    """Where a value was logged that is not finite. A pause between samples is a gap that nobody logged."""
    return series.gaps if len(series.points) <= series.count else ()


def _title(chart: Chart) -> str:
    return f"{clean(chart.title)} by {clean(chart.x_label)}"


def _description(chart: Chart) -> str:
    lines = [f"{one_line(line.name, 60)}: {counted(line.count, 'value')}, {_values(line)}" for line in chart.lines]
    return "; ".join(lines) or "no data"


def _text(x: float, y: float, text: str, *, anchor: str, faint: bool = False) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" opacity="{".6" if faint else ".8"}">{_safe(text)}</text>'
    )


def _colour(index: int) -> str:
    place = index % len(COLOURS)
    return f"var(--line-{place + 1},{COLOURS[place]})"


def _safe(text: str) -> str:
    return escape(text, quote=True)
