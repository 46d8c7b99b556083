"""`python -m bench`: the figures of the docs as Markdown tables. Timings are ratios from one run, or counts."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from bench import (
    catalogue_plan,
    code_change,
    cold_builder,
    command_line,
    compression,
    health,
    long_metrics,
    metric_points,
    overhead,
    place,
    publishing,
    rebuild,
    rescanning,
    statistics,
    training,
    tree,
    uploading,
)

BENCHES: dict[str, Callable[[Path], str]] = {
    "command-line": command_line.table,
    "rebuild": rebuild.table,
    "catalogue": catalogue_plan.table,
    "overhead": overhead.table,
    "publishing": publishing.table,
    "health": health.table,
    "rescanning": rescanning.table,
    "cold-builder": cold_builder.table,
    "code-change": code_change.table,
    "compression": compression.table,
    "tree": tree.table,
    "training": training.table,
    "metric-points": metric_points.table,
    "long-metrics": long_metrics.table,
    "uploading": uploading.table,
    "bootstrap": statistics.bootstrap,
    "report-page": statistics.page,
}


def main() -> None:
    """Run the named benches, all by default."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES))
    names = parser.parse_args().names or list(BENCHES)
    for name in names:
        with place.folder(name) as folder:
            print(f"## {name}\n\n{BENCHES[name](folder)}\n", flush=True)


if __name__ == "__main__":
    main()
