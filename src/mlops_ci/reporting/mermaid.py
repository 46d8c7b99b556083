"""A curve as a Mermaid chart, which GitHub and GitLab draw inside Markdown."""

from __future__ import annotations

import math
import re

from mlops_ci.reporting.format import one_line
from mlops_ci.reporting.series import Point, Series

# xychart-beta spreads its values evenly, so the curve is sampled at even steps.
SAMPLES = 40
# The quoted strings of xychart-beta know no escape, and `%%` starts a comment even there: all else is left out.
UNSAFE = re.compile(r"[^\w ./:()+-]")
# The default palette's first colour can hardly be seen on white.
THEME = '%%{init: {"themeVariables": {"xyChart": {"plotColorPalette": "#3b82f6"}}}}%%'


def xychart(series: Series) -> str:
    """The fenced block; empty when there are fewer than two points to draw."""
    points = series.finite
    if len(points) < 2 or points[0][0] == points[-1][0]:
        return ""
    values = _sampled(points, min(SAMPLES, max(2, len(points))))
    low, high = min(values), max(values)
    pad = 0.05 * (high - low) or 0.1 * abs(high) or 1.0
    name = UNSAFE.sub("?", one_line(series.name, 60)).strip() or "metric"
    if not all(map(_drawable, (low - pad, high + pad, points[0][0], points[-1][0]))):
        return ""
    return "\n".join(
        (
            "```mermaid",
            THEME,
            "xychart-beta",
            f'    x-axis "step" {_plain(points[0][0])} --> {_plain(points[-1][0])}',
            f'    y-axis "{name}" {_plain(low - pad)} --> {_plain(high + pad)}',
            f"    line [{', '.join(map(_plain, values))}]",
            "```",
        )
    )


def _sampled(points: tuple[Point, ...], count: int) -> list[float]:
    """Values at even steps, on the straight lines between the points."""
    start, end = points[0][0], points[-1][0]
    found, index = [], 0
    for number in range(count):
        x = start + (end - start) * number / (count - 1)
        while index < len(points) - 2 and points[index + 1][0] < x:
            index += 1
        (x0, y0), (x1, y1) = points[index], points[index + 1]
        found.append(y0 + (y1 - y0) * min(1.0, max(0.0, (x - x0) / (x1 - x0))))
    return found


def _drawable(value: float) -> bool:
    return math.isfinite(value) and (value == 0 or 1e-9 <= abs(value) < 1e15)


def _plain(value: float) -> str:
    """Five significant digits without an exponent, which xychart-beta cannot read."""
    if value == 0 or abs(value) < 1e-12:
        return "0"
    decimals = max(0, 4 - math.floor(math.log10(abs(value))))
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
