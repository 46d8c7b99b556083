"""What the cases show, as the page of the docs; `python -m support.health.table` prints the rows of the computed ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from support.health.cases import Case, load

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "reference" / "health-cases.md"
HEAD = """\
<!-- written by bin/health_cases.py -->

# Health check: cases

Every row is a data file in `tests/health`: what the driver's library says, what torch says, environment, kernel log,
and a fault. The real checks ran on it, through NVIDIA's own Python binding, whose library below is played; faults of a
computation run on the CPU with real torch. **No row, and no other figure of this documentation, was measured on a
GPU.**

"""


def row(case: Case, result: Any) -> dict[str, str]:
    """A case's line of the table."""
    wanted = case.data.get("expect", {"verdict": "healthy", "exit_code": 0})
    found = result.found(wanted["check"]) if "check" in wanted else None
    alarms = ", ".join(f"`{check.id}`" for check in result.alarms)
    by = f"`{found.id}` {found.status}" if found is not None and found.status in ("WARN", "BLOCK") else alarms or "–"
    return {
        "case": case.name,
        "says": case.data["says"],
        "expected": f"{wanted['verdict']}, {wanted['exit_code']}",
        "got": f"{result.verdict}, {result.exit_code}",
        "by": by,
    }


def page(rows: Mapping[str, Mapping[str, str]]) -> str:
    """The page, from the rows of all cases by name."""
    cases = load()
    parts = [HEAD]
    for kind, title in (("faulty", "Faulty"), ("healthy", "Healthy")):
        mine = [case for case in cases if case.kind == kind]
        right = sum(rows[case.name]["expected"] == rows[case.name]["got"] for case in mine)
        words = "found for what they are" if kind == "faulty" else "without a false alarm"
        parts.append(f"## {title}: {right} of {len(mine)} {words}\n\n")
        parts.append("| case | | expected: verdict, exit code | got | found by |\n| --- | --- | --- | --- | --- |\n")
        parts += [line(rows[case.name]) for case in mine]
        parts.append("\n")
    return "".join(parts).rstrip() + "\n"


def line(one: Mapping[str, str]) -> str:
    """One line of the page."""
    return f"| {one['case']} | {one['says']} | {one['expected']} | {one['got']} | {one['by']} |\n"


def computed_rows(python: str) -> dict[str, dict[str, str]]:
    """The rows of the cases that compute, by an interpreter that has torch."""
    paths = os.pathsep.join((str(ROOT / "src"), str(ROOT / "tests")))
    done = subprocess.run(
        [python, "-m", "support.health.table"],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    return {one["case"]: one for one in json.loads(done.stdout)}


def rows_of(cases: Iterable[Case]) -> dict[str, dict[str, str]]:
    """The rows of cases that run in this process."""
    from support.health.run import run_case

    return {case.name: row(case, run_case(case)) for case in cases}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(list(rows_of(case for case in load() if case.computed).values())))
