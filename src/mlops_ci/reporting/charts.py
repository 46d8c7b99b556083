"""Which curves are drawn, and which belong into one chart."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlops_ci.reporting.format import byte_unit
from mlops_ci.reporting.series import Series
from mlops_ci.reporting.usage import GpuUsage, StageUsage

# Words that name the part of the data, not the metric: `train_loss` and `val/loss` are drawn together.
PARTS = frozenset({"train", "training", "val", "valid", "validation", "test", "eval", "dev"})
SEPARATORS = re.compile(r"[/_.\-\s]+")
LINES = 6
CHARTS = 12
FEWEST = 2


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Lines over one axis; `zero`: the y axis starts at zero, `whole`: x has whole numbers only."""

    title: str
    x_label: str
    y_label: str
    lines: tuple[Series, ...]
    zero: bool = False
    whole: bool = False


def metric_charts(metrics: Sequence[Series]) -> tuple[Chart, ...]:
    """Charts of the metrics that have a curve, those that look like a loss first; at most `CHARTS`."""
    groups: dict[str, list[Series]] = {}
    for series in metrics:
        if len(series.points) >= FEWEST and series.finite:
            groups.setdefault(_key(series.name), []).append(series)
    charts = [
        Chart(title=key, x_label="step", y_label=key, lines=tuple(members[start : start + LINES]), whole=True)
        for key, members in sorted(groups.items(), key=lambda group: "loss" not in group[0].lower())
        for start in range(0, len(members), LINES)
    ]
    return tuple(charts[:CHARTS])


def _key(name: str) -> str:
    rest = [word for word in SEPARATORS.split(name) if word and word.lower() not in PARTS]
    return " ".join(rest) or name


def loss_curve(metrics: Sequence[Series]) -> Series | None:
    """The one curve for a summary: the loss with the most values, else the first metric that has a curve."""
    curves = [series for series in metrics if len(series.finite) >= FEWEST]
    losses = [series for series in curves if "loss" in series.name.lower()]
    return max(losses, key=lambda series: series.count) if losses else next(iter(curves), None)


def usage_charts(usage: StageUsage) -> tuple[Chart, ...]:
    """Processor, memory and GPUs of one job."""
    charts = [
        _chart(usage, "CPU", "% of a core", [usage.cpu], ["CPU"]),
        _memory(usage, "memory", [usage.memory], ["memory"]),
        _chart(usage, "GPU utilization", "%", *_of_gpus(usage.gpus, "utilization_percent")),
        _memory(usage, "GPU memory", *_of_gpus(usage.gpus, "memory_bytes")),
    ]
    return tuple(chart for chart in charts if chart is not None)


def _of_gpus(gpus: Iterable[GpuUsage], name: str) -> tuple[list[Series], list[str]]:
    found = [(gpu.fields[name], f"GPU {gpu.index}") for gpu in gpus if name in gpu.fields]
    return [series for series, _ in found], [label for _, label in found]


def _memory(usage: StageUsage, title: str, lines: list[Series], names: list[str]) -> Chart | None:
    largest = max((y for line in lines for _, y in line.finite), default=0.0)
    unit, divisor = byte_unit(largest)
    return _chart(usage, title, unit, lines, names, divisor)


def _chart(
    usage: StageUsage, title: str, unit: str, lines: list[Series], names: list[str], divisor: float = 1.0
) -> Chart | None:
    drawn = [(line, name) for line, name in zip(lines, names, strict=True) if len(line.finite) >= FEWEST]
    if not drawn:
        return None
    time_unit, seconds = _time_unit(usage.seconds)
    return Chart(
        title=title,
        x_label=time_unit,
        y_label=unit,
        lines=tuple(_scaled(line, name, seconds, divisor) for line, name in drawn[:LINES]),
        zero=True,
    )


def _time_unit(seconds: float) -> tuple[str, float]:
    if seconds < 180:
        return "seconds", 1.0
    return ("minutes", 60.0) if seconds < 3 * 3600 else ("hours", 3600.0)


def _scaled(series: Series, name: str, seconds: float, divisor: float) -> Series:
    points = tuple((x / seconds, y / divisor if math.isfinite(y) else math.nan) for x, y in series.points)
    return Series(name=name, points=points, count=series.count)
