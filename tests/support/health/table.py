"""What the cases show, as a page of the docs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlops_ci.guest.health.check import check_of, health_of, verdict_of
from support.health.cases import Case, load

TESTS = Path(__file__).resolve().parents[2]
PAGE = TESTS.parent / "docs" / "reference" / "health-cases.md"
COMPUTED = TESTS / "corpus" / "compute"
HEAD = """\
<!-- written by bin/health_cases.py -->

# Health check: cases

Every row is a data file: what the driver's library says, what torch says, environment, kernel log, or a fault of a
computation. The real checks ran on it: through NVIDIA's own Python binding, whose library below it is played, and for
the computations on the CPU with real torch. **No row was measured on a GPU**; one repeats what a real
H200 said of itself.

"""
COLUMNS = "| case | | expected: verdict, exit code | got | found by |\n| --- | --- | --- | --- | --- |\n"
Row = Mapping[str, str]


def row(case: Case, result: Any) -> Row:
    """A case's line of the table."""
    wanted = case.data.get("expect", {"verdict": "healthy", "exit_code": 0})
    found = result.found(wanted["check"]) if "check" in wanted else None
    alarms = ", ".join(f"`{check.id}`" for check in result.alarms)
    named = found is not None and found.status in ("WARN", "BLOCK")
    missed = "" if named or "check" not in wanted else " (for another reason)"
    return {
        "case": case.name,
        "says": case.data["says"],
        "expected": f"{wanted['verdict']}, {wanted['exit_code']}",
        "got": f"{result.verdict}, {result.exit_code}{missed}",
        "by": f"`{wanted['check']}`" if named else alarms or "–",
    }


def computed() -> dict[str, Any]:
    """The cases of `tests/corpus/compute` by name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(COMPUTED.glob("*.json"))}


def computed_row(name: str, case: Mapping[str, Any], checks: Sequence[Mapping[str, Any]]) -> Row:
    """A case of a computation: by the status of its check, and the exit code over all."""
    wanted, found = case["expect"], [check_of(one) for one in checks]
    check = next((one for one in found if one.id == wanted["id"]), None)
    status = "nothing" if check is None else check.status
    return {
        "case": name,
        "says": case["what"],
        "expected": wanted["status"],
        "got": f"{status}; {health_of(found, gpus=0)}, {verdict_of(found).exit_code}",
        "by": f"`{wanted['id']}`",
    }


def computed_rows(python: str, guest: Path) -> list[Row]:
    """All of them, by an interpreter that has torch."""
    cases = computed()
    done = subprocess.run(
        [python, str(TESTS / "support" / "compute_driver.py")],
        input=json.dumps([{"name": name, **case} for name, case in cases.items()]),
        env={**os.environ, "PYTHONPATH": str(guest)},
        text=True,
        stdout=subprocess.PIPE,
        check=True,
    )
    return [computed_row(one["name"], cases[one["name"]], one["checks"]) for one in json.loads(done.stdout)]


def rows_of(cases: Iterable[Case]) -> list[Row]:
    """The rows of the cases that need no torch."""
    from support.health.run import run_case

    return [row(case, run_case(case)) for case in cases]


def right(one: Row) -> bool:
    """Whether a case came out as it says."""
    return one["expected"] in (one["got"], one["got"].partition(";")[0])


def page(faulty: Sequence[Row], healthy: Sequence[Row], of_computations: Sequence[Row]) -> str:
    """The page."""
    parts = [HEAD]
    for title, rows, words in (
        ("Faulty nodes", faulty, "found for what they are"),
        ("Faults of a computation", of_computations, "come out as they have to"),
        ("Healthy nodes", healthy, "without a false alarm"),
    ):
        parts.append(f"## {title}: {sum(map(right, rows))} of {len(rows)} {words}\n\n{COLUMNS}")
        parts += [line(one) for one in rows] + ["\n"]
    return "".join(parts).rstrip() + "\n"


def line(one: Row) -> str:
    """One line of the page."""
    return f"| {one['case']} | {one['says']} | {one['expected']} | {one['got']} | {one['by']} |\n"


def all_rows(python: str, guest: Path) -> tuple[list[Row], list[Row], list[Row]]:
    """Faulty, healthy, computed."""
    cases = load()
    faulty, healthy = (rows_of(case for case in cases if case.kind == kind) for kind in ("faulty", "healthy"))
    return faulty, healthy, computed_rows(python, guest)
