"""How long `mlops-ci --help` takes, as a ratio to a bare interpreter."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 15
PROGRAMS = {
    "python -c pass": ["-c", "pass"],
    "mlops-ci --help": ["-m", "mlops_ci", "--help"],
    "mlops-ci --version": ["-m", "mlops_ci", "--version"],
}


def table(folder: Path) -> str:
    """Median of interleaved rounds; the ratio is to `python -c pass` of the same rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(ROUNDS):
        for name, arguments in PROGRAMS.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True, cwd=folder)
            seconds[name].append(time.perf_counter() - started)
    base = statistics.median(seconds["python -c pass"])
    rows = "".join(f"| `{name}` | {statistics.median(all_) / base:.1f} |\n" for name, all_ in seconds.items())
    return f"| command | ratio to a bare interpreter |\n| --- | --- |\n{rows}"
