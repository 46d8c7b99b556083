"""What became of each part: PASS only for what was judged."""

from __future__ import annotations

from mlops_ci.records.scan import DatabaseInfo
from mlops_ci.scanning import parts
from mlops_ci.scanning.canary import Judged
from mlops_ci.scanning.findings import Finding, ScanTarget
from mlops_ci.scanning.vulnerabilities import Vulnerabilities

IMAGE = ScanTarget(kind="image", ref="top:1", name="top")
ENVIRONMENT = ScanTarget(kind="environment", ref="env:/envs/top", name="top")
DATABASE = DatabaseInfo(built_at="2099-01-01T00:00:00Z", age_hours=1.0, digest="d")


def found(**fields):
    judged = Judged(known={"debian": 9, "python-pkg": 3}, unknown={"conda-pkg": 2})
    return Vulnerabilities(**{"findings": (), "judged": judged, "ended": (), **fields})


def failing(kind, where="top"):
    return Finding(kind=kind, id="X", severity="HIGH", title="", where=where)


def test_vulnerabilities_pass_with_what_was_judged():
    part = parts.vulnerability_part(found(), DATABASE, [], "")
    assert part.status == "PASS"
    assert "9 debian, 3 python-pkg packages judged" in part.why
    assert "Java archives are not judged" in part.why


def test_without_a_database_vulnerabilities_are_skipped_loudly():
    part = parts.vulnerability_part(None, None, [], "no such host")
    assert part.status == "SKIP"
    assert part.why == "NOT SCANNED FOR VULNERABILITIES: no such host"


def test_a_system_at_its_end_of_life_is_named():
    part = parts.vulnerability_part(found(ended=("debian 9",)), DATABASE, [], "")
    assert "debian 9 gets no security fixes any more" in part.why


def test_only_the_parts_own_findings_fail_it():
    wrong = [failing("vulnerability"), failing("misconfiguration")]
    assert parts.vulnerability_part(found(), DATABASE, wrong, "").status == "FAIL"
    assert parts.secret_part(True, wrong).status == "PASS"
    assert parts.secret_part(True, [failing("secret")]).status == "FAIL"


def test_ecosystems_without_advisories_are_skipped_not_passed():
    (part,) = parts.unjudged_parts(found())
    assert (part.name, part.status) == ("vulnerabilities: conda-pkg", "SKIP")


def test_the_host_engine_has_no_image_and_no_system_to_judge():
    assert parts.image_part([ENVIRONMENT], []).status == "SKIP"
    (system,) = parts.system_parts([ENVIRONMENT])
    assert system.status == "SKIP"
    assert parts.system_parts([IMAGE]) == []


def test_from_inside_of_an_image_its_system_is_judged_and_its_configuration_is_not():
    root = ScanTarget(kind="root", ref="/", name="inside")
    assert parts.system_parts([root]) == []
    part = parts.image_part([root], [])
    assert (part.status, part.why) == ("SKIP", "it cannot be read from inside of the image")


def test_image_and_dockerfiles_fail_each_for_themselves():
    wrong = [failing("misconfiguration", "repository: Dockerfile:1")]
    assert parts.image_part([IMAGE], wrong).status == "PASS"
    assert parts.dockerfile_part(1, [IMAGE], wrong).status == "FAIL"
    assert parts.dockerfile_part(1, [IMAGE], [failing("misconfiguration")]).status == "PASS"
    assert parts.dockerfile_part(0, [IMAGE], []).status == "SKIP"


def test_secrets_switched_off_are_skipped():
    assert parts.secret_part(False, []).status == "SKIP"
