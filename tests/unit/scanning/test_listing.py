"""The findings written down, for programs and for people."""

from __future__ import annotations

import json

from mlops_ci.records.scan import DatabaseInfo, ScanPart
from mlops_ci.scanning.findings import Finding
from mlops_ci.scanning.listing import CONSOLE_LINES, WIDTH, console_lines, write_reports
from mlops_ci.scanning.policy import decide
from mlops_ci.settings.scan import ScanSettings


def finding(number=1, **fields):
    return Finding(
        **{
            "kind": "vulnerability",
            "id": f"CVE-2099-{number:04}",
            "severity": "CRITICAL",
            "title": "planted",
            "where": "top",
            "package": "planted",
            "installed": "1.0",
            "fixed": "2.0",
            **fields,
        }
    )


def reports(folder, findings, verdict="findings", **fields):
    return write_reports(
        folder,
        decision=decide(findings, ScanSettings()),
        verdict=verdict,
        parts=[ScanPart(name="vulnerabilities", status="FAIL", why="1 not allowed")],
        database=DatabaseInfo(built_at="2099-01-01T00:00:00Z", age_hours=1.0, digest="d" * 64),
        policy="a policy",
        scanner="Trivy 0",
        **fields,
    )


def test_json_holds_failing_and_allowed_findings_apart(tmp_path):
    path, _ = reports(tmp_path, [finding(), finding(2, severity="LOW")])
    data = json.loads(path.read_text())
    assert data["schema"] == "mlops-ci/findings/1"
    assert [one["id"] for one in data["failing"]] == ["CVE-2099-0001"]
    assert [one["id"] for one in data["allowed"]] == ["CVE-2099-0002"]
    assert data["counts"]["CRITICAL"]["total"] == 1
    assert data["database"]["digest"] == "d" * 64


def test_markdown_lists_every_finding(tmp_path):
    _, path = reports(tmp_path, [finding(number) for number in range(1, 101)])
    text = path.read_text()
    assert "## Not allowed (100)" in text
    assert all(f"CVE-2099-{number:04}" in text for number in range(1, 101))


def test_markdown_is_loud_when_nothing_was_scanned(tmp_path):
    _, path = reports(tmp_path, [], verdict="not-scanned")
    assert "**NOT SCANNED FOR VULNERABILITIES**" in path.read_text()


def test_what_others_wrote_stays_text(tmp_path):
    evil = "a | b\n<script>alert(1)</script> [x](http://evil.example) `c` **d**"
    _, path = reports(tmp_path, [finding(title=evil, package="<b>", where="a|b")])
    (row,) = (line for line in path.read_text().splitlines() if "CVE-2099-0001" in line)
    assert "<" not in row
    assert row.replace("\\|", "").count("|") == 9
    assert "\\[x\\]" in row


def test_the_console_shows_the_worst_and_says_how_many_more():
    decision = decide([finding(number, title="t" * 300) for number in range(1, 31)], ScanSettings())
    lines = console_lines(decision)
    assert len(lines) == CONSOLE_LINES + 1
    assert all(len(line) <= WIDTH for line in lines)
    assert lines[-1] == "… and 10 more: all of them are in findings.md"


def test_the_console_says_what_is_installed_and_what_fixes_it():
    lines = console_lines(decide([finding()], ScanSettings()))
    assert lines == ["CRITICAL CVE-2099-0001  planted 1.0 (fixed in 2.0)  planted"]
