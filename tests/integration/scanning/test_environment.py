"""The scan of the host engine's environment and of the repository, by the real Trivy and a real database."""

from __future__ import annotations

import json
import time

import pytest

from mlops_ci.scanning.canary import BlindDatabaseError
from mlops_ci.scanning.contents import StaleSbomError
from mlops_ci.scanning.findings import ScanTarget
from mlops_ci.scanning.sbom import EmptySbomError
from mlops_ci.scanning.trivy import ScannerBrokenError

# Put together here, so that no scanner takes this file for a leak. They open nothing.
TOKEN = "gh" + "p_" + "aBcDeFgHiJkLmNoPqRsT" + "uVwXyZ0123456789"
POOR_DOCKERFILE = "FROM debian:bookworm\nUSER root\n"


def part(outputs, name):
    return next(one for one in outputs.parts if one.name == name)


def test_a_clean_environment_passes_and_says_what_could_not_be_judged(project, trivy_db_server):
    outputs = project.scan(trivy_db_server.trivy_repository)
    assert outputs.verdict == "passed"
    assert part(outputs, "vulnerabilities").why.startswith("2 python-pkg packages judged")
    assert part(outputs, "secrets").status == "PASS"
    assert part(outputs, "operating system").status == "SKIP"
    assert part(outputs, "image configuration").status == "SKIP"
    assert part(outputs, "Dockerfiles").status == "SKIP"
    assert outputs.db is not None
    assert outputs.db.age_hours < 1
    assert [one.path for one in outputs.reports] == [
        "scan/findings.json",
        "scan/findings.md",
        "scan/scan.sarif",
        "scan/gl-container-scanning-report.json",
        "scan/junit.xml",
        "scan/licenses.json",
    ]


def test_a_critical_vulnerability_with_a_fix_is_a_finding(project, trivy_db_server):
    project.install("planted-critical-fixable")
    outputs = project.scan(trivy_db_server.trivy_repository)
    assert outputs.verdict == "findings"
    assert part(outputs, "vulnerabilities").status == "FAIL"
    assert outputs.findings["CRITICAL"].total == outputs.findings["CRITICAL"].fixable == 1
    (failing,) = json.loads((project.reports / "findings.json").read_text())["failing"]
    assert failing["id"] == "CVE-2099-1001"
    assert (failing["package"], failing["installed"], failing["fixed"]) == ("planted-critical-fixable", "1.0", "2.0")
    assert failing["where"].startswith("top: lib/python3.11/site-packages/planted_critical_fixable-1.0.dist-info")
    assert any("planted-critical-fixable 1.0 (fixed in 2.0)" in line for line in project.heard.lines)


def test_a_vulnerability_without_a_fix_is_reported_and_fails_only_if_asked(project, trivy_db_server):
    project.install("planted-critical-unfixed")
    outputs = project.scan(trivy_db_server.trivy_repository)
    assert outputs.verdict == "passed"
    assert outputs.findings["CRITICAL"].total == 1
    assert outputs.findings["CRITICAL"].fixable == 0
    assert project.scan(trivy_db_server.trivy_repository, fixable_only=False).verdict == "findings"


def test_severities_of_the_policy_decide(project, trivy_db_server):
    project.install("planted-high-fixable")
    assert project.scan(trivy_db_server.trivy_repository).verdict == "passed"
    assert project.scan(trivy_db_server.trivy_repository, fail_on=("CRITICAL", "HIGH")).verdict == "findings"


def test_a_secret_in_the_environment_is_found_and_not_repeated(project, trivy_db_server):
    project.write("environment/pip.conf", f"[global]\nindex-url = https://user:{TOKEN}@mirror.example/simple\n")
    outputs = project.scan(trivy_db_server.trivy_repository)
    assert outputs.verdict == "findings"
    (failing,) = json.loads((project.reports / "findings.json").read_text())["failing"]
    assert (failing["kind"], failing["id"], failing["where"]) == ("secret", "github-pat", "top: pip.conf:2")
    said = "".join(path.read_text() for path in project.reports.iterdir()) + "\n".join(project.heard.lines)
    kept = "".join(path.read_text() for path in (project.scanner.cache / "results").iterdir())
    assert TOKEN not in said + kept


def test_a_secret_in_the_repository_is_found_unless_git_ignores_it(project, trivy_db_server):
    project.write("repository/.gitignore", ".env\n")
    project.write("repository/.env", f"GITHUB_TOKEN={TOKEN}\n")
    assert project.scan(trivy_db_server.trivy_repository).verdict == "passed"
    project.write("repository/settings.py", f"GITHUB_TOKEN = '{TOKEN}'\n")
    outputs = project.scan(trivy_db_server.trivy_repository)
    assert outputs.verdict == "findings"
    (failing,) = json.loads((project.reports / "findings.json").read_text())["failing"]
    assert failing["where"] == "repository: settings.py:1"


def test_files_of_the_repository_cannot_silence_the_scan(project, trivy_db_server):
    project.write("repository/settings.py", f"GITHUB_TOKEN = '{TOKEN}'\n")
    project.write("repository/.trivyignore", "github-pat\nCVE-2099-1001\n")
    project.write("repository/trivy.yaml", "scan:\n  scanners: [license]\nseverity: [LOW]\n")
    project.write("repository/trivy-secret.yaml", "disable-rules: [github-pat]\n")
    project.install("planted-critical-fixable")
    outputs = project.scan(trivy_db_server.trivy_repository)
    assert outputs.findings["CRITICAL"].total == 2


def test_secrets_can_be_switched_off_and_then_are_skipped(project, trivy_db_server):
    project.write("repository/settings.py", f"GITHUB_TOKEN = '{TOKEN}'\n")
    outputs = project.scan(trivy_db_server.trivy_repository, secrets=False)
    assert outputs.verdict == "passed"
    assert part(outputs, "secrets").status == "SKIP"


def test_a_poor_dockerfile_of_the_repository_is_a_finding(project, trivy_db_server):
    project.write("repository/Dockerfile", POOR_DOCKERFILE)
    outputs = project.scan(trivy_db_server.trivy_repository)
    assert part(outputs, "Dockerfiles").status == "FAIL"
    assert part(outputs, "image configuration").status == "SKIP"
    assert project.scan(trivy_db_server.trivy_repository, misconfiguration=()).verdict == "passed"


def test_without_a_database_secrets_are_still_found_locally(project):
    outputs = project.scan(offline=True)
    assert outputs.verdict == "not-scanned"
    assert outputs.db is None
    assert part(outputs, "vulnerabilities").why.startswith("NOT SCANNED FOR VULNERABILITIES: ")
    assert part(outputs, "secrets").status == "PASS"
    assert any("NOT SCANNED FOR VULNERABILITIES" in warning for warning in project.heard.warnings)
    project.write("repository/settings.py", f"GITHUB_TOKEN = '{TOKEN}'\n")
    assert project.scan(offline=True).verdict == "findings"


def test_a_database_that_knows_no_python_packages_cannot_pass(project, trivy_db_of):
    server = trivy_db_of(lambda entries: [only(entry, "debian 12") for entry in entries])
    with pytest.raises(BlindDatabaseError, match="knows nothing about python-pkg") as raised:
        project.scan(server.trivy_repository)
    assert raised.value.exit_code == 4
    assert not list(project.reports.iterdir())


def test_an_unchanged_target_is_not_searched_again(project, trivy_db_server, monkeypatch):
    targets = project.targets()
    sboms = project.sboms()
    project.scan(trivy_db_server.trivy_repository, targets=targets, sboms=sboms)
    started = time.monotonic()
    asked = []
    real = type(project.scanner).run
    monkeypatch.setattr(
        type(project.scanner), "run", lambda self, words, **k: asked.append(words[0]) or real(self, words, **k)
    )
    project.scan(trivy_db_server.trivy_repository, targets=targets, sboms=sboms)
    assert asked == ["sbom", "sbom"], "one call for the canary, one for the match"
    assert time.monotonic() - started < 10


def test_the_sbom_is_the_same_again_and_names_no_path_of_this_machine(project):
    (first,) = project.sboms()
    before = first.read_bytes()
    (second,) = project.sboms()
    assert second == first
    assert second.read_bytes() == before
    assert first.name == "top.cdx.json"
    assert str(project.folder) not in before.decode()


def test_a_package_that_came_after_the_sbom_is_noticed(project, trivy_db_server):
    sboms = project.sboms()
    project.install("planted-critical-fixable")
    with pytest.raises(StaleSbomError, match="3 Python packages, its SBOM 2"):
        project.scan(trivy_db_server.trivy_repository, sboms=sboms)


def test_a_chain_of_environments_is_several_targets_and_one_may_add_nothing(project, trivy_db_server):
    project.install("planted-critical-fixable", environment="lower")
    (project.folder / "nothing" / "lib/python3.11/site-packages").mkdir(parents=True)
    named = [
        ScanTarget(kind="environment", ref=str(project.folder / name), name=name)
        for name in ("lower", "environment", "nothing")
    ]
    outputs = project.scan(trivy_db_server.trivy_repository, targets=tuple(named))
    assert outputs.findings["CRITICAL"].total == 1


def test_no_package_at_all_cannot_pass(project, trivy_db_server):
    (project.folder / "nothing").mkdir()
    target = ScanTarget(kind="environment", ref=str(project.folder / "nothing"), name="nothing")
    with pytest.raises(EmptySbomError):
        project.scan(trivy_db_server.trivy_repository, targets=(target,))


def test_an_environment_that_is_not_there_is_a_broken_scan(project):
    with pytest.raises(ScannerBrokenError):
        project.sboms([ScanTarget(kind="environment", ref=str(project.folder / "none"), name="none")])


def test_java_archives_do_not_break_the_scan(project, trivy_db_server):
    project.write("environment/lib/python3.11/site-packages/pyspark/jars/a.jar", "PK")
    outputs = project.scan(trivy_db_server.trivy_repository)
    assert outputs.verdict == "passed"
    assert "Java archives are not judged" in part(outputs, "vulnerabilities").why


def only(entry, system):
    return {**entry, "affects": [one for one in entry["affects"] if one["in"] == system]}
