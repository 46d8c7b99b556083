"""The run as a JUnit file, which CI systems show as tests: stages, and what verify, scan and the gates looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree as ET

from mlops_ci.records.record import Record
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.format import clean, one_line

Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One line of the list. `text` is why it failed or was skipped."""

    name: str
    outcome: Outcome
    text: str = ""
    seconds: float = 0.0


def junit(data: ReportData) -> str:
    """The text of the file."""
    root = ET.Element("testsuites", name=f"mlops-ci {data.info.run}")
    for name, cases in _suites(data):
        if cases:
            _suite(root, name, cases)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _suites(data: ReportData) -> Iterator[tuple[str, Sequence[Case]]]:
    yield "stages", [_stage(record) for record in data.records.values()]
    verify, scan, evaluate = data.outputs.verify, data.outputs.scan, data.outputs.evaluate
    if scan is not None:
        outcomes: dict[str, Outcome] = {"PASS": "passed", "FAIL": "failed", "SKIP": "skipped"}
        yield "scan", [Case(name=one.name, outcome=outcomes[one.status], text=one.why) for one in scan.parts]
    if verify is not None:
        # A warning has no place here: it is no failure, and the report's page shows it.
        outcomes = {"PASS": "passed", "WARN": "passed", "BLOCK": "failed", "SKIP": "skipped"}
        yield (
            "verify",
            [
                Case(name=one.id, outcome=outcomes[one.status], text=f"{one.cause} {one.advice}".strip())
                for one in verify.checks
            ],
        )
    if evaluate is not None:
        outcomes = {"pass": "passed", "fail": "failed", "review": "skipped", "skip": "skipped"}
        yield "gates", [Case(name=one.id, outcome=outcomes[one.verdict], text=one.why) for one in evaluate.gates]


def _stage(record: Record) -> Case:
    outcome: Outcome = "failed" if record.status == "failed" else "passed" if record.status == "passed" else "skipped"
    error = record.error
    text = f"{error.class_} (exit {record.exit_code}): {error.cause}\n{error.hint}" if error else record.reason
    return Case(name=record.stage, outcome=outcome, text=text, seconds=record.seconds)


def _suite(root: ET.Element, name: str, cases: Sequence[Case]) -> None:
    counts = {kind: str(sum(case.outcome == kind for case in cases)) for kind in ("failed", "skipped")}
    suite = ET.SubElement(
        root, "testsuite", name=name, tests=str(len(cases)), failures=counts["failed"], skipped=counts["skipped"]
    )
    for case in cases:
        found = ET.SubElement(
            suite, "testcase", classname=f"mlops-ci.{name}", name=clean(case.name), time=f"{case.seconds:.3f}"
        )
        if case.outcome != "passed":
            kind = "failure" if case.outcome == "failed" else "skipped"
            ET.SubElement(found, kind, message=one_line(case.text, 300)).text = clean(case.text)
