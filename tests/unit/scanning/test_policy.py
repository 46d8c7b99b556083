"""What fails a scan, and what only is reported."""

from __future__ import annotations

import datetime as dt

import pytest

from mlops_ci.records.scan import FindingCount
from mlops_ci.scanning.findings import Finding
from mlops_ci.scanning.policy import count, decide, fails, in_words
from mlops_ci.settings.scan import ScanSettings


def vulnerability(severity: str = "CRITICAL", fixed: str = "2.0", **fields: object) -> Finding:
    return Finding(
        **{
            "kind": "vulnerability",
            "id": "CVE-2099-0101",
            "severity": severity,
            "title": "planted",
            "where": "top",
            "package": "planted",
            "installed": "1.0",
            "fixed": fixed,
            **fields,
        }
    )


def other(kind: str, severity: str) -> Finding:
    return Finding(kind=kind, id="X-1", severity=severity, title="planted", where="top")


@pytest.mark.parametrize(
    ("severity", "fixed", "fails_by_default"),
    [("CRITICAL", "2.0", True), ("CRITICAL", "", False), ("HIGH", "2.0", False), ("UNKNOWN", "2.0", False)],
)
def test_default_policy_fails_critical_vulnerabilities_that_have_a_fix(severity, fixed, fails_by_default):
    assert fails(vulnerability(severity, fixed), ScanSettings()) is fails_by_default


def test_unfixed_vulnerabilities_fail_when_the_policy_says_so():
    assert fails(vulnerability(fixed=""), ScanSettings(fixable_only=False))


def test_severities_are_those_of_the_setting():
    assert fails(vulnerability("LOW"), ScanSettings(fail_on=("LOW",)))
    assert not fails(vulnerability("CRITICAL"), ScanSettings(fail_on=("LOW",)))
    assert not fails(vulnerability("CRITICAL"), ScanSettings(fail_on=()))


def test_any_secret_fails_unless_secrets_are_allowed():
    assert fails(other("secret", "LOW"), ScanSettings())
    assert not fails(other("secret", "CRITICAL"), ScanSettings(secrets=False))


def test_misconfiguration_has_severities_of_its_own():
    assert fails(other("misconfiguration", "HIGH"), ScanSettings())
    assert not fails(other("misconfiguration", "MEDIUM"), ScanSettings())
    assert not fails(other("misconfiguration", "CRITICAL"), ScanSettings(misconfiguration=()))


def test_decision_lists_worst_first_and_each_finding_once():
    low, critical = vulnerability("LOW", id="CVE-2099-0102"), vulnerability("CRITICAL")
    decision = decide([low, critical, critical], ScanSettings(fail_on=("CRITICAL", "LOW")))
    assert decision.failing == (critical, low)
    assert decision.findings == (critical, low)


def test_counts_by_severity_say_what_is_fixable_and_new():
    listed = [
        vulnerability(fixed=""),
        vulnerability(new_since_base=True, id="CVE-2099-0103"),
        other("secret", "CRITICAL"),
        vulnerability("LOW"),
    ]
    assert count(listed) == {
        "CRITICAL": FindingCount(total=3, fixable=2, new_since_base=1),
        "LOW": FindingCount(total=1, fixable=1),
    }


def test_no_findings_give_no_counts_and_nothing_fails():
    decision = decide([], ScanSettings())
    assert decision.counts == {}
    assert decision.failing == ()


def test_policy_is_said_in_words():
    assert in_words(ScanSettings()) == (
        "not allowed: CRITICAL vulnerabilities that have a fix; secrets; CRITICAL, HIGH misconfigurations"
    )
    assert in_words(ScanSettings(fail_on=(), secrets=False, misconfiguration=())) == "nothing fails the scan"


DAY = dt.date(2099, 1, 31)


@pytest.mark.parametrize(
    ("published", "days", "young"),
    [
        ("2099-01-31", 1, True),
        ("2099-01-30", 1, False),
        ("2099-01-25", 7, True),
        ("2099-01-24", 7, False),
        ("2099-02-01", 7, False),
        ("", 7, False),
        ("soon", 7, False),
        ("2099-01-31", 0, False),
    ],
)
def test_a_finding_is_young_for_some_days_after_its_publication(published, days, young):
    finding = vulnerability(published=published)
    assert fails(finding, ScanSettings(grace_days=days), today=DAY) is not young


def test_a_strict_package_outweighs_everything_that_spares_others():
    settings = ScanSettings(
        fail_on=(), new_only=True, grace_days=9, ignore_packages=("*",), strict_packages=("PLANTED",)
    )
    finding = vulnerability("LOW", fixed="", inherited=True, published="2099-01-31")
    assert fails(finding, settings, today=DAY)
    assert not fails(vulnerability("CRITICAL", package="other"), settings, today=DAY)


def test_what_is_excused_fails_nothing_and_is_counted_apart():
    waived, aside = vulnerability(excused="waiver"), vulnerability(excused="vex", package="other")
    decision = decide([waived, aside], ScanSettings())
    assert decision.failing == ()
    assert decision.counts["CRITICAL"] == FindingCount(total=2, fixable=2, waived=1, not_affected=1)


def test_the_words_name_every_rule():
    settings = ScanSettings(
        fail_on=("HIGH",),
        layers={"train": ("LOW",)},
        new_only=True,
        grace_days=7,
        ignore_packages=("linux-*",),
        strict_packages=("openssl",),
        deny_licenses=("AGPL-*",),
    )
    said = in_words(settings)
    for words in ("HIGH", "LOW in train", "base image", "7 days", "linux-*", "openssl", "AGPL-*"):
        assert words in said
