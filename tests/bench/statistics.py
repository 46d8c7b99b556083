"""The bootstrap over many paired losses, and the page of a run with very many metric points."""

from __future__ import annotations

import json
import math
import random
import time
from pathlib import Path
from statistics import NormalDist

from mlops_ci.gates.binned import bootstrap_mean
from mlops_ci.gates.statistics import percentile_interval
from mlops_ci.reporting.charts import metric_charts
from mlops_ci.reporting.html import drawn
from mlops_ci.reporting.metrics import read_metrics

ROWS, RESAMPLES = 100_000, 10_000
POINTS, METRICS = 1_000_000, 4


def bootstrap(folder: Path) -> str:
    """Paired continuous losses, in bins as the gates take so many rows."""
    chance = random.Random(1)
    champion = [chance.expovariate(1.0) for _ in range(ROWS)]
    challenger = [0.99 * loss + chance.gauss(0, 0.05) for loss in champion]
    gains = [theirs - ours for ours, theirs in zip(challenger, champion, strict=True)]
    began = time.process_time()
    low, high = percentile_interval(bootstrap_mean(gains, resamples=RESAMPLES, seed=1), 0.95)
    seconds = time.process_time() - began
    mean = math.fsum(gains) / ROWS
    spread = NormalDist().inv_cdf(0.975) * math.sqrt(math.fsum((gain - mean) ** 2 for gain in gains)) / ROWS
    return (
        "| what | figure |\n| --- | --- |\n"
        f"| paired losses | {ROWS} |\n| resamples | {RESAMPLES} |\n"
        f"| interval of the difference | {low:.6f} to {high:.6f} |\n"
        f"| the same by the normal distribution | {mean - spread:.6f} to {mean + spread:.6f} |\n"
        f"| processor seconds | {seconds:.2f} |"
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
