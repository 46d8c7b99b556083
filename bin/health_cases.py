"""Writes docs/reference/health-cases.md from a run of all cases; needs a Python with torch (MLOPS_CI_TEST_TORCH_PYTHON)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support.health.cases import load  # noqa: E402
from support.health.table import PAGE, computed_rows, page, rows_of  # noqa: E402


def main() -> int:
    """Run, write, and say what did not come out as expected."""
    rows = rows_of(case for case in load() if not case.computed)
    rows |= computed_rows(os.environ.get("MLOPS_CI_TEST_TORCH_PYTHON") or sys.executable)
    PAGE.write_text(page(rows))
    wrong = [row for row in rows.values() if row["expected"] != row["got"]]
    for row in wrong:
        print(f"{row['case']}: expected {row['expected']}, got {row['got']} ({row['by']})")
    print(f"{len(rows)} cases, {len(wrong)} not as expected")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
