"""Trivy's JSON is read strictly, and secrets stay out of what is kept."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from mlops_ci.scanning.report import parse, restored
from mlops_ci.scanning.trivy import ScannerBrokenError

LEAKED = "the-secret-itself"


def document(**fields):
    return {
        "SchemaVersion": 2,
        "ArtifactName": "registry.example/top:1",
        "ArtifactType": "container_image",
        "Metadata": {"OS": {"Family": "debian", "Name": "12.15"}, "DiffIDs": ["sha256:a", "sha256:b"]},
        "Results": [
            {
                "Target": "registry.example/top:1 (debian 12.15)",
                "Class": "os-pkgs",
                "Type": "debian",
                "Packages": [{"Name": "bash"}, {"Name": "apt"}],
                "Vulnerabilities": [
                    {
                        "VulnerabilityID": "CVE-2099-0201",
                        "PkgName": "bash",
                        "InstalledVersion": "5",
                        "Status": "affected",
                        "Severity": "HIGH",
                        "Title": "planted",
                        "Layer": {"DiffID": "sha256:a"},
                    }
                ],
            },
            {
                "Target": "Python",
                "Class": "lang-pkgs",
                "Type": "python-pkg",
                "Packages": [{"Name": "torch"}],
                "Vulnerabilities": [
                    {
                        "VulnerabilityID": "CVE-2099-0202",
                        "PkgName": "torch",
                        "PkgPath": "opt/torch.dist-info/METADATA",
                        "InstalledVersion": "2",
                        "FixedVersion": "3",
                    }
                ],
            },
            {
                "Target": "registry.example/top:1",
                "Class": "config",
                "Type": "dockerfile",
                "MisconfSummary": {"Successes": 20, "Failures": 1},
                "Misconfigurations": [
                    {"ID": "DS-0002", "Title": "root", "Severity": "HIGH", "Status": "FAIL", "Resolution": "Add USER"},
                    {"ID": "DS-0001", "Title": "fine", "Severity": "HIGH", "Status": "PASS"},
                ],
            },
            {"Target": "/app/.env", "Class": "secret", "Secrets": [secret(3)]},
            {"Target": "registry.example/top:1", "Class": "secret", "Secrets": [secret(7), secret(20)]},
        ],
        **fields,
    }


def secret(line):
    return {
        "RuleID": "github-pat",
        "Severity": "CRITICAL",
        "Title": "GitHub token",
        "StartLine": line,
        "Match": LEAKED,
        "Code": {"Lines": [{"Content": LEAKED}]},
    }


def read(data):
    return parse(data, name="top", what="scanning top")


def test_packages_are_counted_by_ecosystem():
    assert read(document()).packages == {"debian": 2, "python-pkg": 1}


def test_vulnerabilities_carry_versions_place_and_layer():
    bash, torch = (one for one in read(document()).findings if one.kind == "vulnerability")
    assert (bash.id, bash.severity, bash.fixed, bash.fixable, bash.layer) == (
        "CVE-2099-0201",
        "HIGH",
        "",
        False,
        "sha256:a",
    )
    assert (torch.severity, torch.installed, torch.fixed, torch.fixable) == ("UNKNOWN", "2", "3", True)
    assert torch.where == "top: opt/torch.dist-info/METADATA"


def test_configuration_checks_are_counted_and_only_failed_ones_are_findings():
    report = read(document())
    assert report.configurations == {"registry.example/top:1": 21}
    (wrong,) = (one for one in report.findings if one.kind == "misconfiguration")
    assert (wrong.id, wrong.where, wrong.advice) == ("DS-0002", "top", "Add USER")


def test_secrets_say_where_but_never_what():
    report = read(document())
    places = [one.where for one in report.findings if one.kind == "secret"]
    assert places == ["top: app/.env:3", "top: image configuration"]
    assert LEAKED not in str(asdict(report))


def test_system_layers_and_end_of_life():
    report = read(document(Metadata={"OS": {"Family": "debian", "Name": "9", "EOSL": True}, "DiffIDs": ["sha256:z"]}))
    assert (report.system, report.end_of_life, report.layers) == ("debian 9", True, ("sha256:z",))


def test_a_report_without_results_is_empty_and_no_error():
    report = read({"SchemaVersion": 2, "ArtifactName": "x", "ArtifactType": "filesystem"})
    assert report.packages == {}
    assert report.findings == ()


def test_a_kept_report_is_the_same_again():
    report = read(document())
    assert restored(asdict(report)) == report


@pytest.mark.parametrize(
    "broken",
    [
        [],
        {},
        document(SchemaVersion=3),
        document(Results={"a": 1}),
        document(Results=["text"]),
        document(Results=[{"Class": "secret", "Secrets": []}]),
        document(Results=[{"Target": "x", "Packages": [{"Name": "a"}]}]),
        document(Results=[{"Target": "x", "Vulnerabilities": [{"PkgName": "a", "Severity": "HIGH"}]}]),
        document(Results=[{"Target": "x", "Secrets": [{**secret(1), "Severity": "AWFUL"}]}]),
        document(Results=[{"Target": "x", "Misconfigurations": "none"}]),
        document(Metadata=[1]),
    ],
)
def test_anything_else_is_a_broken_scan(broken):
    with pytest.raises(ScannerBrokenError) as raised:
        read(broken)
    assert raised.value.exit_code == 4
    assert "scanning top" in raised.value.cause
