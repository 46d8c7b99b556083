"""Waivers: which findings they excuse, and when they are a fault themselves."""

from __future__ import annotations

import datetime as dt

import pytest

from mlops_ci.scanning.parts import waiver_parts
from mlops_ci.scanning.waivers import apply, ended
from mlops_ci.settings.scan import ScanSettings
from mlops_ci.settings.waivers import Waiver
from support.scanned import finding

DAY = dt.date(2099, 1, 31)


def waiver(**fields):
    known = {"id": "CVE-2099-0001", "reason": "r", "owner": "team", "expires": "2099-03-01", "line": 3}
    return Waiver(**{**known, **({} if "path" in fields else {"package": "planted"}), **fields})


def judged(one, *findings, **settings):
    marked, (found,) = apply(findings or [finding()], [one], ScanSettings(**settings), today=DAY)
    return marked, found


@pytest.mark.parametrize(
    ("expires", "standing"),
    [
        ("2099-01-30", "expired"),
        ("2099-01-31", "used"),
        ("2099-05-01", "used"),
        ("2099-05-02", "too long"),
    ],
)
def test_it_holds_to_its_last_day_and_for_ninety_days_at_most(expires, standing):
    marked, found = judged(waiver(expires=expires))
    assert found.standing == standing
    assert bool(marked[0].excused) is (standing == "used")
    assert found.fails is (standing != "used")


def test_the_settings_may_allow_fewer_days_and_severities():
    assert judged(waiver(), waiver_days=28)[1].standing == "too long"
    assert judged(waiver(), waivable=("LOW",))[1].standing == "not allowed"


def test_what_was_not_looked_at_is_not_called_unused():
    for one, looked_at in ((waiver(), ["path"]), (waiver(path="a"), ["package"])):
        _, (found,) = apply([], [one], ScanSettings(), today=DAY, looked_at=looked_at)
        assert (found.standing, found.remark) == ("not judged", "")


def test_it_is_for_one_id_in_one_package():
    assert judged(waiver(), finding(2))[1].standing == "unused"
    assert judged(waiver(), finding(package="planted-too"))[1].standing == "unused"


@pytest.mark.parametrize(
    ("path", "where", "excused"),
    [
        ("Dockerfile", "repository: Dockerfile:3", True),
        ("tests/*", "repository: tests/data/key.pem:1", True),
        ("top", "top", True),
        ("Dockerfile", "repository: docker/Dockerfile:3", False),
    ],
)
def test_what_is_no_package_is_named_by_its_path(path, where, excused):
    secret = finding(kind="secret", id="github-pat", package="", where=where)
    marked, _ = judged(waiver(id="github-pat", path=path), secret)
    assert bool(marked[0].excused) is excused


def test_a_package_of_that_name_is_no_excuse_for_a_secret():
    assert judged(waiver(), finding(kind="secret"))[1].standing == "unused"


def test_the_remarks_say_line_and_what_to_do():
    assert judged(waiver(owner=""))[1].remark == "waivers.toml:3: the waiver of CVE-2099-0001 in planted has no owner"
    assert "ends in 5 days" in judged(waiver(expires="2099-02-05"))[1].remark
    assert judged(waiver())[1].remark == ""


def test_the_part_fails_for_dates_alone():
    assert [one.status for one in waiver_parts([judged(waiver(), finding(2))[1]])] == ["PASS"]
    (part,) = waiver_parts([judged(waiver(expires="2099-01-01"))[1]])
    assert part.status == "FAIL"
    assert "CVE-2099-0001 in planted until 2099-01-01 (team): expired" in part.why
    assert waiver_parts([]) == []


def test_a_result_does_not_outlive_its_waivers():
    held = waiver(expires="2099-02-01")
    assert ended([held], ScanSettings(), today=DAY) == ()
    assert ended([held], ScanSettings(), today=DAY + dt.timedelta(days=2)) == ("CVE-2099-0001 in planted",)
