"""A metrics file of ten million points: what those who read it need, each in its own process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

POINTS, METRICS = int(os.environ.get("MLOPS_CI_BENCH_POINTS", "10000000")), 4
MEASURED = """
import re, sys, time
from pathlib import Path
path = Path(sys.argv[1])
began = time.process_time()
{work}
memory = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1000
print(f"{{time.process_time() - began:.1f}} | {{memory:.0f}}")
"""
READERS = {
    "the end of a training counts them": """
from mlops_ci.guest.spool import SpoolReader
reader = SpoolReader(path)
for _ in reader.all(final=True): pass
assert reader.bad_lines == 1 and reader.points == int(sys.argv[2])
""",
    "its speed is told": """
from mlops_ci.training.speed import speed_of
assert speed_of(path).steps == 1
""",
    "the report draws them": """
from mlops_ci.reporting.charts import metric_charts
from mlops_ci.reporting.html import drawn
from mlops_ci.reporting.metrics import read_metrics
series, problems = read_metrics(path, "metrics.jsonl")
assert len(problems) == 1 and sum(len(svg) for _, svg in drawn(metric_charts(series), "metrics")) < 1e6
""",
}


def table(folder: Path) -> str:
    """Steps in the wrong order now and then, values that are no number, and half a line at the end."""
    path = folder / "metrics.jsonl"
    lines = POINTS // METRICS
    with path.open("w") as file:
        for step in range(lines):
            shown = step - 5 if step % 1000 == 999 else step
            values = ",".join(f'"loss/{number}":{1 / (1 + step + number):.6g}' for number in range(METRICS - 1))
            last = "NaN" if step % 500 == 0 else "0.5"
            file.write(f'{{"time":{shown}.0,"step":{shown},{values},"loss/{METRICS - 1}":{last}}}\n')
        file.write('{"step":1,"lo')
    rows = "".join(f"| {name} | {_measured(work, path, lines)} |\n" for name, work in READERS.items())
    return (
        f"{POINTS} points, {path.stat().st_size / 1e6:.0f} MB:\n\n"
        f"| what | processor seconds | memory, MB |\n| --- | --- | --- |\n{rows}"
    )


def _measured(work: str, path: Path, lines: int) -> str:
    argv = [sys.executable, "-c", MEASURED.format(work=work), str(path), str(lines)]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()
