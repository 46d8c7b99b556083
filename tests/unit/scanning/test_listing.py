"""The findings written down, for programs and for people."""

from __future__ import annotations

import json

from mlops_ci.scanning.listing import CONSOLE_LINES, WIDTH, console_lines, document, licenses, markdown
from mlops_ci.scanning.policy import decide
from mlops_ci.scanning.waivers import Judged
from mlops_ci.settings.scan import ScanSettings
from mlops_ci.settings.waivers import Waiver
from support.scanned import finding, scanned


def test_json_holds_failing_excused_and_allowed_findings_apart():
    excused = finding(3, excused="waiver", excuse="not reachable (team, until 2099-03-01)")
    data = document(scanned([finding(), finding(2, severity="LOW"), excused]))
    assert json.loads(json.dumps(data)) == data
    assert data["schema"] == "mlops-ci/findings/1"
    assert [one["id"] for one in data["failing"]] == ["CVE-2099-0001"]
    assert [one["id"] for one in data["excused"]] == ["CVE-2099-0003"]
    assert [one["id"] for one in data["allowed"]] == ["CVE-2099-0002"]
    assert data["counts"]["CRITICAL"] == {
        "total": 2,
        "fixable": 2,
        "new_since_base": 0,
        "waived": 1,
        "not_affected": 0,
    }
    assert data["database"]["digest"] == "d" * 64


def test_markdown_lists_every_finding():
    text = markdown(scanned([finding(number) for number in range(1, 101)]))
    assert "## Not allowed (100)" in text
    assert all(f"CVE-2099-{number:04}" in text for number in range(1, 101))


def test_markdown_is_loud_when_nothing_was_scanned():
    assert "**NOT SCANNED FOR VULNERABILITIES**" in markdown(scanned(verdict="not-scanned"))


def test_markdown_says_who_excuses_what_and_what_is_wrong_with_waivers():
    waiver = Waiver(id="CVE-2099-0009", package="gone", reason="r", expires="2099-03-01", line=7)
    text = markdown(
        scanned(
            [finding(excused="vex", excuse="vex.json: not_affected")],
            waivers=(Judged(waiver=waiver, standing="unused", days=29),),
        )
    )
    assert "Excused by a VEX document: vex.json: not\\_affected" in text
    assert "waivers.toml:7: the waiver of CVE-2099-0009 in gone is for no finding: remove it and has no owner" in text


def test_licences_are_counted():
    assert "## Licences (1)" in markdown(scanned())
    assert licenses(scanned())["counts"] == {"MIT": 1}


def test_what_others_wrote_stays_text():
    evil = "a | b\n<script>alert(1)</script> [x](http://evil.example) `c` **d**"
    text = markdown(scanned([finding(title=evil, package="<b>", where="a|b")]))
    (row,) = (line for line in text.splitlines() if "CVE-2099-0001" in line)
    assert "<" not in row
    assert row.replace("\\|", "").count("|") == 10
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
