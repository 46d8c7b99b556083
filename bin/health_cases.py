"""Runs all cases of the health check and writes docs/reference/health-cases.md.

Needs torch, in this Python or in that of MLOPS_CI_TEST_TORCH_PYTHON.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from mlops_ci.guest import bundle  # noqa: E402
from support.health.table import PAGE, all_rows, page, right  # noqa: E402


def main() -> int:
    """Run, write, and say what did not come out as expected."""
    with tempfile.TemporaryDirectory() as folder:
        guest = bundle.build(Path(folder) / "guest.pyz")
        rows = all_rows(os.environ.get("MLOPS_CI_TEST_TORCH_PYTHON") or sys.executable, guest)
    PAGE.write_text(page(*rows))
    wrong = [one for part in rows for one in part if not right(one)]
    for one in wrong:
        print(f"{one['case']}: expected {one['expected']}, got {one['got']} ({one['by']})")
    print(f"{sum(map(len, rows))} cases, {len(wrong)} not as expected")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
