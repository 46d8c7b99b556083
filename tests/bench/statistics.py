"""The bootstrap over many paired losses, and the page of a run with very many metric points."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

from mlops_ci.gates.statistics import bootstrap_units, group, percentile_interval
from mlops_ci.reporting.charts import metric_charts
from mlops_ci.reporting.html import drawn
from mlops_ci.reporting.metrics import read_metrics

ROWS, RESAMPLES, UNITS = 100_000, 10_000, 1000
POINTS, METRICS = 1_000_000, 4


def bootstrap(folder: Path) -> str:
    """Paired continuous losses, in as many random groups as the gates take."""
    chance = random.Random(1)
    champion = [chance.expovariate(1.0) for _ in range(ROWS)]
    challenger = [0.99 * loss + chance.gauss(0, 0.05) for loss in champion]
    began = time.process_time()
    units = group(challenger, champion, units=UNITS, seed=1)
    gains = bootstrap_units(units, lambda ours, theirs, rows: (theirs - ours) / rows, resamples=RESAMPLES, seed=1)
    low, high = percentile_interval(gains, 0.95)
    seconds = time.process_time() - began
    return (
        "| what | figure |\n| --- | --- |\n"
        f"| paired losses | {ROWS} |\n| resamples | {RESAMPLES} |\n| groups | {UNITS} |\n"
        f"| interval of the difference | {low:.5f} to {high:.5f} |\n| processor seconds | {seconds:.2f} |"
    )


def page(folder: Path) -> str:
    """A metrics file of a million points read and drawn, as the report does it."""
    path = folder / "metrics.jsonl"
    chance = random.Random(1)
    names = [f"loss/{number}" for number in range(METRICS)]
    with path.open("w") as file:
        for step in range(POINTS // METRICS):
            values = {name: 1 / (1 + step) + chance.random() / 10 for name in names}
            file.write(json.dumps({"time": float(step), "step": step, **values}) + "\n")
    began = time.process_time()
    series, problems = read_metrics(path, path.name)
    shown = drawn(metric_charts(series), "metrics")
    seconds = time.process_time() - began
    size = sum(len(svg) for _, svg in shown)
    return (
        "| what | figure |\n| --- | --- |\n"
        f"| points | {POINTS} |\n| the file, MB | {path.stat().st_size / 1e6:.1f} |\n"
        f"| reading and drawing, processor seconds | {seconds:.2f} |\n"
        f"| what it adds to the page, kB | {size / 1e3:.0f} |\n"
        f"| problems | {len(problems)} |"
    )
