"""The trials of a sweep: a table of all, the best first, and what can be drawn of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.records.sweep import SweepOutputs, Trial
from mlops_ci.reporting.charts import FEWEST, LINES, Chart
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.format import counted, number, one_line
from mlops_ci.reporting.metrics import read_metrics
from mlops_ci.reporting.series import Series

TRIALS = Path("train", "trials")
FILE = Path("job", "metrics.jsonl")
# Rows of the page's table, curves, and parameters that are drawn.
ROWS, CURVES, DRAWN = 200, 12, 4
# From this ratio of its largest to its smallest value on, a parameter is drawn by orders of magnitude.
MAGNITUDES = 50


@dataclass(frozen=True, kw_only=True)
class TrialRow:
    """One row: `params` in the order of `names`."""

    trial: Trial
    params: tuple[str, ...]
    best: bool


def sweep_of(data: ReportData) -> SweepOutputs | None:
    """The sweep of this run's training, or None."""
    return data.outputs.train.sweep if data.outputs.train is not None else None


def names(sweep: SweepOutputs) -> tuple[str, ...]:
    """The parameters that the trials differ in."""
    return tuple(dict.fromkeys(name for trial in sweep.trials for name in trial.params))


def rows(sweep: SweepOutputs, most: int = ROWS) -> tuple[TrialRow, ...]:
    """The trials, the best first, those without a value last."""
    sign = -1.0 if sweep.goal == "max" else 1.0
    ranks = {"finished": 0, "stopped": 1, "failed": 2}

    def rank(trial: Trial) -> tuple[int, float, int]:
        value = math.inf if trial.value is None else sign * trial.value
        return ranks[trial.status], value, trial.number

    known = names(sweep)
    return tuple(
        TrialRow(
            trial=trial,
            params=tuple(_shown(trial.params.get(name)) for name in known),
            best=trial.number == sweep.best,
        )
        for trial in sorted(sweep.trials, key=rank)[:most]
    )


def line(sweep: SweepOutputs) -> str:
    """The sweep in a line."""
    counts = {status: sum(trial.status == status for trial in sweep.trials) for status in ("stopped", "failed")}
    others = "".join(f", {count} {status}" for status, count in counts.items() if count)
    best = next(trial for trial in sweep.trials if trial.number == sweep.best)
    params = ", ".join(f"{name} {_shown(best.params.get(name))}" for name in names(sweep))
    value = f"{sweep.metric} {number(best.value)}"
    return one_line(f"{counted(len(sweep.trials), 'trial')}{others}; best {best.number} ({params}): {value}", 300)


def charts(data: ReportData) -> tuple[Chart, ...]:
    """How the best value came down, the curves of the best trials, and the value over each parameter."""
    sweep = sweep_of(data)
    if sweep is None:
        return ()
    return (*_progress(sweep), *_curves(data.folder, sweep), *_over_parameters(sweep))


def _shown(value: object) -> str:
    if value is None:
        return "–"
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return number(value) if plain else one_line(str(value), 60)  # type: ignore[arg-type]  # it is a number


def _progress(sweep: SweepOutputs) -> list[Chart]:
    better = max if sweep.goal == "max" else min
    points: list[tuple[float, float]] = []
    best: list[tuple[float, float]] = []
    for trial in sweep.trials:
        if trial.value is None or trial.status != "finished":
            continue
        points.append((trial.number, trial.value))
        best.append((trial.number, better(trial.value, best[-1][1]) if best else trial.value))
    lines = (_series("trial", points), _series("best so far", best))
    return [_chart(f"{sweep.metric} by trial", "trial", sweep.metric, lines)] if len(points) >= FEWEST else []


def _curves(folder: Path, sweep: SweepOutputs) -> list[Chart]:
    found: list[Series] = []
    for row in rows(sweep, CURVES):
        place = TRIALS / str(row.trial.number) / FILE
        if row.best and not (folder / place).exists():
            place = Path("train") / FILE
        if not (folder / place).exists():
            continue
        series, _ = read_metrics(folder / place, place.as_posix())
        curve = next((one for one in series if one.name == sweep.metric and len(one.finite) >= FEWEST), None)
        if curve is not None:
            found.append(Series(name=f"trial {row.trial.number}", points=curve.points, count=curve.count))
    return [
        _chart(f"{sweep.metric}, the best trials", "step", sweep.metric, tuple(found[start : start + LINES]))
        for start in range(0, len(found), LINES)
    ]


def _over_parameters(sweep: SweepOutputs) -> list[Chart]:
    found = []
    for name in names(sweep):
        pairs = [
            (float(value), trial.value)
            for trial in sweep.trials
            if trial.value is not None and isinstance(value := trial.params.get(name), int | float)
        ]
        if len({x for x, _ in pairs}) < FEWEST:
            continue
        low, high = min(x for x, _ in pairs), max(x for x, _ in pairs)
        by_magnitude = low > 0 and high / low >= MAGNITUDES
        points = sorted((math.log10(x) if by_magnitude else x, y) for x, y in pairs)
        label = f"log10 of {name}" if by_magnitude else name
        found.append(_chart(f"{sweep.metric} over {name}", label, sweep.metric, (_series(sweep.metric, points),)))
    return found[:DRAWN]


def _series(name: str, points: Sequence[tuple[float, float]]) -> Series:
    return Series(name=name, points=tuple(points), count=len(points))


def _chart(title: str, x: str, y: str, lines: tuple[Series, ...]) -> Chart:
    return Chart(title=title, x_label=x, y_label=y, lines=lines, whole=x in ("trial", "step"))
