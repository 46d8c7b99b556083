"""The metrics that the training logged."""

from __future__ import annotations

import math
from pathlib import Path

from mlops_ci.reporting.jsonlines import LineReader, as_number
from mlops_ci.reporting.series import Series, SeriesBuilder

# More metrics than this are not kept: nobody reads them on a page.
MOST = 200


def read_metrics(path: Path, name: str) -> tuple[tuple[Series, ...], list[str]]:
    """The series of a metrics file by metric name, in the order of their first appearance, and what was wrong.

    Lines are `{"time": seconds, "step": number, "<metric>": number, ...}`. A value that is null or not finite is a gap.
    """
    builders: dict[str, SeriesBuilder] = {}
    left_out: set[str] = set()
    reader = LineReader(path)
    for line in reader:
        step = as_number(line.get("step"))
        if step is None or not math.isfinite(step):
            reader.damaged += 1
            continue
        for metric, value in line.items():
            if metric in ("time", "step"):
                continue
            if len(builders) >= MOST and metric not in builders:
                left_out.add(metric)
                continue
            y = value if type(value) is float else math.nan if value is None else as_number(value)
            if y is not None:
                if (builder := builders.get(metric)) is None:
                    builder = builders[metric] = SeriesBuilder(metric)
                builder.add(step, y)
    problems = [problem] if (problem := reader.problem(name)) else []
    if left_out:
        problems.append(f"{name}: {len(left_out)} metrics beyond the first {MOST} were left out")
    return tuple(builder.build() for builder in builders.values()), problems
