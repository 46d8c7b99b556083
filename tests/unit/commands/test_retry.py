"""Which failures are worth another try."""

from __future__ import annotations

import json

import pytest

from mlops_ci.commands import retry as module


def result(run="a", attempt=1, code=10, again=True, reason="train failed"):
    return {"run": run, "attempt": attempt, "exit_code": code, "worth_a_retry": again, "reason": reason}


@pytest.mark.parametrize(
    ("results", "worth"),
    [
        ([], False),
        ([result(code=0)], False),
        ([result()], True),
        ([result(again=False, code=20)], False),
        ([result(run="a"), result(run="b", code=0)], True),
        ([result(run="a"), result(run="b", code=1, again=False)], False),
        ([result(attempt=1, code=20, again=False), result(attempt=2)], True),
        ([result(attempt=2, code=20, again=False), result(attempt=1)], False),
    ],
)
def test_what_the_table_of_exit_codes_says(results, worth):
    assert module.worth_it(results)[0] is worth


@pytest.fixture
def asked(monkeypatch, tmp_path):
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"workflow_run": {"id": 7, "run_attempt": 2, "conclusion": "failure"}}))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    calls = []
    monkeypatch.setattr(module, "rerun_failed_jobs", lambda _environ, run, **_: calls.append(run))
    return calls


def written(folder, **fields):
    path = folder / "mlops-train-result-1" / "result-1" / "files" / "runs" / "r" / "result.json"
    path.parent.mkdir(parents=True)
    told = {"run": "r", "ci_attempt": "2", "exit_code": 11, "worth_a_retry": True, "reason": "x", **fields}
    path.write_text(json.dumps(told))


def test_failed_jobs_are_started_again(asked, tmp_path):
    written(tmp_path)
    assert module.retry(tmp_path, 3) == 0
    assert [run.id for run in asked] == [7]


def test_not_for_ever(asked, tmp_path):
    written(tmp_path)
    assert module.retry(tmp_path, 2) == 0
    assert asked == []


@pytest.mark.parametrize(
    "fields", [{"worth_a_retry": "true"}, {"exit_code": "x"}, {"ci_attempt": []}, {"worth_a_retry": False}]
)
def test_what_a_stranger_may_have_written_starts_nothing(asked, tmp_path, fields):
    written(tmp_path, **fields)
    assert module.retry(tmp_path, 3) == 0
    assert asked == []
