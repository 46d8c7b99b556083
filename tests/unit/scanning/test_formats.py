"""What other programs read of a scan: SARIF for GitHub, GitLab's report, JUnit."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from fluidattacks_core.sarif import SarifLog

from mlops_ci.records.scan import ScanPart
from mlops_ci.scanning import gitlab, junit, sarif
from mlops_ci.scanning.findings import ScanTarget
from mlops_ci.scanning.places import Place, Sources
from support.scanned import finding, scanned

SCHEMA = json.loads((Path(__file__).parents[2] / "support/schemas/gitlab-container-scanning.json").read_text())
EVIL = "a\x00b <b> & \ud800 " + "long " * 500
ALL = [
    finding(1, url="https://example.com/CVE-2099-0001", purl="pkg:pypi/planted@1.0"),
    finding(1, package="planted-too", fixed="", severity="UNKNOWN"),
    finding(2, title="", severity="LOW", new_since_base=True),
    finding(3, excused="waiver", excuse="r"),
    finding(kind="secret", id="github-pat", package="", where="repository: settings.ini:7", title="a token"),
    finding(kind="misconfiguration", id="DS-0002", package="", where="top", severity="HIGH", advice="Add a user"),
    finding(kind="license", id="AGPL-3.0-only", severity="HIGH", title="under a licence"),
]


def log(findings=ALL, **fields):
    document = sarif.document(scanned(findings, **fields))
    text = json.dumps(document)
    # A model that was generated from the schema of SARIF 2.1.0, and forbids what that does not know.
    SarifLog.model_validate_json(text)
    return document["runs"][0]


class TestSarif:
    def test_every_result_has_its_rule_and_a_place(self):
        run = log()
        rules = run["tool"]["driver"]["rules"]
        assert [rules[one["ruleIndex"]]["id"] for one in run["results"]] == [one["ruleId"] for one in run["results"]]
        assert len({one["id"] for one in rules}) == len(rules) == 5
        assert all(len(one["locations"]) == 1 for one in run["results"])

    def test_what_github_asks_of_rules(self):
        for rule in log()["tool"]["driver"]["rules"]:
            assert 0.0 < float(rule["properties"]["security-severity"]) <= 10.0
            assert len(rule["properties"]["tags"]) <= 20
            assert rule["shortDescription"]["text"]
            assert rule["help"]["text"]

    def test_what_is_excused_is_no_alert(self):
        assert "CVE-2099-0003" not in json.dumps(log())

    def test_there_are_never_more_than_github_shows_and_the_worst_come_first(self):
        many = [finding(number, severity="LOW") for number in range(6000)] + [finding(9999)]
        results = sarif.document(scanned(many))["runs"][0]["results"]
        assert len(results) == 5000
        assert results[0]["ruleId"] == "CVE-2099-9999"

    def test_an_alert_stays_the_same_when_version_and_line_change(self):
        assert sarif.fingerprint(finding()) == sarif.fingerprint(finding(installed="1.1", fixed="3"))
        moved = [finding(kind="secret", where=f"repository: settings.ini:{line}") for line in (1, 9)]
        assert len({sarif.fingerprint(one) for one in moved}) == 1
        assert sarif.fingerprint(finding()) != sarif.fingerprint(finding(package="other"))

    def test_text_of_others_stays_valid_and_short(self):
        run = log([finding(title="x" * 5000)])
        assert len(run["results"][0]["message"]["text"]) <= 1000


class TestPlaces:
    @pytest.fixture
    def root(self, tmp_path):
        (tmp_path / "requirements.txt").write_text("# planted is not here\nnumpy==2\nPlanted_Thing[extra]==1.0\n")
        (tmp_path / "Dockerfile").write_text("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nRUN apt-get install openssl\n")
        (tmp_path / "mlops.toml").write_text('[image]\napt = ["curl"]\n')
        return tmp_path

    def test_a_python_package_is_in_the_requirements(self, root):
        sources = Sources(root=root, requirements="requirements.txt")
        found = sources.of(finding(package="planted-thing", purl="pkg:pypi/planted-thing@1.0"))
        assert found == Place(path="requirements.txt", line=3)

    def test_a_system_package_is_in_the_dockerfile_or_the_list(self, root):
        sources = Sources(root=root, dockerfile="Dockerfile")
        assert sources.of(finding(package="openssl")) == Place(path="Dockerfile", line=3)
        assert sources.of(finding(package="curl")) == Place(path="mlops.toml", line=2)
        assert sources.of(finding(package="ssl")) == Place(path="Dockerfile", line=1)

    def test_a_finding_of_the_repository_is_where_it_is(self, root):
        found = Sources(root=root, prefix="examples/plain").of(finding(kind="secret", where="repository: a/b.ini:7"))
        assert found == Place(path="examples/plain/a/b.ini", line=7)

    def test_at_worst_it_is_the_configuration(self):
        assert Sources().of(finding()) == Place(path="mlops.toml", line=1)


class TestGitlab:
    def report(self, findings=ALL, **fields):
        document = gitlab.document(scanned(findings, **fields))
        jsonschema.validate(document, SCHEMA)
        return document

    def test_it_is_valid_and_every_id_is_its_own(self):
        found = self.report()["vulnerabilities"]
        assert len({one["id"] for one in found}) == len(found) == 4
        assert {one["location"]["image"] for one in found} == {"localhost/top:1"}
        assert {one["location"]["operating_system"] for one in found} == {"debian 12.5"}

    def test_what_is_not_in_an_image_is_told_and_not_invented(self):
        environment = (ScanTarget(kind="environment", ref="env:/e", name="top"),)
        document = self.report(targets=environment)
        assert document["vulnerabilities"] == []
        said = [one["value"] for one in document["scan"]["messages"]]
        assert said[0].startswith("6 findings are not in an image")
        assert said[1].startswith("1 findings are excused")

    def test_long_texts_are_cut(self):
        assert len(self.report([finding(title="x" * 9000)])["vulnerabilities"][0]["name"]) == 255

    def test_the_times_have_no_zone(self):
        assert self.report()["scan"]["end_time"] == "2099-01-31T12:00:07"


class TestJunit:
    def test_parts_and_failing_findings_are_tests(self):
        parts = (
            ScanPart(name="vulnerabilities", status="FAIL", why="1 not allowed"),
            ScanPart(name="secrets", status="SKIP", why="switched off"),
            ScanPart(name="waivers", status="PASS", why="1 used"),
        )
        root = ET.fromstring(junit.text(scanned([finding(), finding(2, severity="LOW")], parts=parts)))
        suites = {one.get("name"): one for one in root}
        assert [suites["scan"].get(key) for key in ("tests", "failures", "skipped")] == ["3", "1", "1"]
        (failing,) = suites["not allowed"]
        assert failing.get("name") == "CVE-2099-0001 planted"
        assert "fixed in 2.0" in failing[0].get("message")

    def test_text_of_others_cannot_break_the_file(self):
        root = ET.fromstring(junit.text(scanned([finding(title=EVIL)])))
        assert root.find("testsuite/testcase/failure") is not None
