"""The run as tests, for CI systems that show JUnit."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.junit import junit
from support.report_run import VARIANTS, make_run


def suites(folder):
    root = ET.fromstring(junit(ReportData.read(folder)))
    return {suite.get("name"): {case.get("name"): case for case in suite} for suite in root}


def test_stages_checks_scan_and_gates_are_suites(tmp_path):
    found = suites(make_run(tmp_path))
    assert list(found) == ["stages", "scan", "verify", "gates"]
    assert list(found["stages"])[:3] == ["plan", "build", "check"]
    assert float(found["stages"]["train"].get("time")) > 0
    assert not [
        case for suite in ("stages", "gates") for case in found[suite].values() if case.find("failure") is not None
    ]


def test_a_failed_stage_says_class_cause_and_next_step(tmp_path):
    failure = suites(make_run(tmp_path, "failed"))["stages"]["train"].find("failure")
    assert failure is not None
    assert failure.get("message", "").startswith("user-code (exit 20): ")
    assert "lower learning rate" in (failure.text or "")


def test_a_failed_gate_is_a_failure(tmp_path):
    gates = suites(make_run(tmp_path, "rejected"))["gates"].values()
    assert [case.get("name") for case in gates if case.find("failure") is not None]


def test_what_could_not_be_judged_has_not_passed(tmp_path):
    scan = suites(make_run(tmp_path, "not-scanned"))["scan"].values()
    assert [case for case in scan if case.find("skipped") is not None or case.find("failure") is not None]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_counts_are_those_of_the_cases(tmp_path, variant):
    root = ET.fromstring(junit(ReportData.read(make_run(tmp_path, variant))))
    for suite in root:
        assert int(suite.get("tests")) == len(suite)
        for attribute, kind in (("failures", "failure"), ("skipped", "skipped")):
            assert int(suite.get(attribute)) == len(suite.findall(f"testcase/{kind}"))
