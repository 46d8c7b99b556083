"""What is wrong at a line of the code, as GitLab reads it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from mlops_ci.reporting.codequality import MOST, Issue, codequality, of_problem, of_run
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.places import Place, in_repository, places
from support.report_run import make_run

SCHEMA = Path(__file__).parents[2] / "support" / "schemas" / "gitlab-code-quality.json"
valid = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text())).validate
FILES = ("train.py", "src/data.py", "docker/Dockerfile", "tests/test_data.py")
SAID = """\
mlops-ci: check-1: ruff check .
E501 Line too long (121 > 120)
  --> src/data.py:7:121
   |
src/data.py:12:5: F841 local variable `x` is assigned to but never used
train.py:3: error: Incompatible return value type  [return-value]
tests/test_data.py:9: AssertionError
https://example.com:80: refused
elsewhere.py:1: not a file of ours
Traceback (most recent call last):
  File "/tmp/work/train.py", line 40, in <module>
    main()
  File "/usr/lib/python3.11/site-packages/train.py", line 2, in main
ValueError: the numbers cannot be learned
  File "train.py", line 8
    def x(
         ^
SyntaxError: '(' was never closed
"""


def exists(name: str) -> bool:
    return name in FILES


def issue(**changes) -> Issue:
    values = {"rule": "r", "severity": "minor", "text": "wrong", "path": "train.py", "line": 3, **changes}
    return Issue(**values)


def fingerprints(*issues: Issue) -> list[str]:
    return [one["fingerprint"] for one in json.loads(codequality(issues))]


def test_the_report_is_what_gitlab_demands_also_when_there_is_nothing():
    for issues in ([], [issue(), issue(line=0), of_problem("no such key", "mlops.toml", None)]):
        report = json.loads(codequality(issues))
        valid(report)
        assert len(report) == len(issues)
    with pytest.raises(jsonschema.ValidationError):
        valid([{**json.loads(codequality([issue()]))[0], "severity": "HIGH"}])


def test_a_fingerprint_is_that_of_what_is_wrong_and_not_of_its_line():
    first, second = fingerprints(issue()), fingerprints(issue(line=99, severity="major"))
    assert first == second
    assert (
        len({*first, *fingerprints(issue(path="x.py")), *fingerprints(issue(text="b")), *fingerprints(issue(rule="q"))})
        == 4
    )
    assert len(set(fingerprints(issue(), issue(line=4), issue(line=5)))) == 3, "twice in a file are two"
    assert fingerprints(issue(), issue()) == first, "the same said twice is one"


def test_a_report_has_an_end():
    assert len(fingerprints(*(issue(line=number) for number in range(1, MOST + 9)))) == MOST


def test_places_are_found_in_what_linters_compilers_runners_and_tracebacks_print():
    found = list(places(SAID.splitlines(), lambda path: in_repository(path, exists)))
    assert found == [
        Place(path="src/data.py", line=7, text="E501 Line too long (121 > 120)"),
        Place(path="src/data.py", line=12, text="F841 local variable `x` is assigned to but never used"),
        Place(path="train.py", line=3, text="error: Incompatible return value type  [return-value]"),
        Place(path="tests/test_data.py", line=9, text="AssertionError"),
        Place(path="train.py", line=40, text="ValueError: the numbers cannot be learned"),
        Place(path="train.py", line=8, text="SyntaxError: '(' was never closed"),
    ]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("src/data.py", "src/data.py"),
        ("./src/data.py", "src/data.py"),
        ("/work/src/data.py", "src/data.py"),
        ("/lib/site-packages/src/data.py", None),
        ("../src/data.py", None),
        ("data.py", None),
        ("/work/.mlops/runs/x/check/work/train.py", "train.py"),
    ],
)
def test_a_path_is_the_repositorys_own(path, name):
    assert in_repository(path, lambda one: exists(one) or one.startswith(".mlops")) == name


def test_a_run_gives_what_its_scan_and_its_programs_said(tmp_path):
    folder = make_run(tmp_path / ".mlops")
    (folder / "scan").mkdir(exist_ok=True)
    found = {"kind": "misconfiguration", "id": "DS-0002", "severity": "HIGH", "title": "Image user should not be root"}
    document = {
        "failing": [{**found, "where": "repository: docker/Dockerfile:3", "advice": "Add USER"}],
        "allowed": [
            {**found, "where": "repository: docker/Dockerfile", "severity": "LOW", "advice": ""},
            {**found, "where": "train", "advice": ""},
            {**found, "where": "train: etc/app.conf:1", "advice": ""},
        ],
    }
    (folder / "scan" / "findings.json").write_text(json.dumps(document))
    (folder / "logs").mkdir(exist_ok=True)
    (folder / "logs" / "check.log").write_text("src/data.py:12:5: F841 unused\n")
    (folder / "logs" / "train.log").write_text("train.py:1: only a warning of a training that ended well\n")
    issues = list(of_run(ReportData.read(folder), exists, "models/"))
    assert issues == [
        Issue(
            rule="misconfiguration/DS-0002",
            severity="major",
            text="Image user should not be root. Add USER",
            path="models/docker/Dockerfile",
            line=3,
        ),
        Issue(
            rule="misconfiguration/DS-0002",
            severity="info",
            text="Image user should not be root",
            path="models/docker/Dockerfile",
            line=1,
        ),
        Issue(rule="mlops-ci/check", severity="minor", text="F841 unused", path="models/src/data.py", line=12),
    ]
    valid(json.loads(codequality(issues)))


def test_what_the_scan_left_and_nobody_can_read_is_left_out(tmp_path):
    folder = make_run(tmp_path / ".mlops")
    (folder / "scan").mkdir(exist_ok=True)
    (folder / "scan" / "findings.json").write_text("{")
    assert [one for one in of_run(ReportData.read(folder), exists) if one.rule.startswith("misconf")] == []
