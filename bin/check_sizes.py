"""Holds the sizes that keep the code readable: no Python file over 500 lines, the median of src under 100."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

LONGEST = 500
MEDIAN = 100


def main() -> int:
    """Print what is too long; exit code 1 if anything is."""
    names = subprocess.run(["git", "ls-files", "*.py"], capture_output=True, text=True, check=True).stdout.split()
    lines = {name: len(Path(name).read_text().splitlines()) for name in names if Path(name).exists()}
    too_long = [f"{name}: {count} lines" for name, count in lines.items() if count > LONGEST]
    median = statistics.median(count for name, count in lines.items() if name.startswith("src/"))
    for row in too_long:
        print(row)
    print(f"{len(lines)} files, longest {max(lines.values())}, median of src {median:.0f} lines")
    return 1 if too_long or median >= MEDIAN else 0


if __name__ == "__main__":
    sys.exit(main())
