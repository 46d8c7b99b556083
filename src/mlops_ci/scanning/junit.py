"""The scan as a JUnit file: one test for each part, and one for each finding that the policy does not allow."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from mlops_ci.scanning.findings import Finding
from mlops_ci.scanning.scanned import Scanned

# What XML 1.0 cannot hold.
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(scanned: Scanned) -> str:
    """The text of the file."""
    failing = scanned.decision.failing
    skipped = sum(one.status == "SKIP" for one in scanned.parts)
    failed = sum(one.status == "FAIL" for one in scanned.parts)
    root = ET.Element("testsuites", name="mlops-ci scan")
    parts = ET.SubElement(
        root, "testsuite", name="scan", tests=str(len(scanned.parts)), failures=str(failed), skipped=str(skipped)
    )
    for part in scanned.parts:
        case = ET.SubElement(parts, "testcase", classname="mlops-ci.scan", name=part.name)
        if part.status != "PASS":
            kind = "failure" if part.status == "FAIL" else "skipped"
            ET.SubElement(case, kind, message=_clean(part.why))
    if failing:
        count = str(len(failing))
        suite = ET.SubElement(root, "testsuite", name="not allowed", tests=count, failures=count, skipped="0")
        for one in failing:
            _finding(suite, one)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _finding(suite: ET.Element, one: Finding) -> None:
    name = f"{one.id} {one.package or one.place}"
    case = ET.SubElement(suite, "testcase", classname=f"mlops-ci.scan.{one.kind}", name=_clean(name))
    fix = f"; fixed in {one.fixed}" if one.fixed else ""
    message = f"{one.severity}: {one.title or one.id} ({one.where}{fix})"
    ET.SubElement(case, "failure", message=_clean(message), type=one.severity).text = _clean(one.advice)


def _clean(value: str) -> str:
    return FORBIDDEN.sub("\ufffd", value)
