"""What the end of a run means to people."""

from __future__ import annotations

from io import StringIO
from types import SimpleNamespace

import pytest

from mlops_ci.console import Console
from mlops_ci.providers.detect import detect
from mlops_ci.reporting.data import ReportData
from mlops_ci.run.run import Run
from mlops_ci.settings.notify import NotifySettings
from mlops_ci.settings.settings import Settings, Tables
from mlops_ci.settings.train import TrainSettings
from mlops_ci.stages.canary_record import note_lost
from mlops_ci.stages.events import config_name, line_of, of_run
from mlops_ci.stages.telling import tell, tell_of_run
from support.heard import Heard
from support.report_run import make_run

LOST = "train failed: it has left no record: see its log"
GITHUB = {
    "MLOPS_CI_PROVIDER": "github",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_REF_NAME": "main",
    "GITHUB_SERVER_URL": "https://git.example",
    "GITHUB_REPOSITORY": "vision/digits",
    "GITHUB_RUN_ID": "8123",
}


def settings(root, **notify):
    tables = Tables(train=TrainSettings(command="python train.py"), notify=NotifySettings(**notify))
    return Settings(root=root, file=root / "mlops.toml", mode="nightly", tables=tables)


def events(tmp_path, variant, *, lost_job=""):
    data = ReportData.read(make_run(tmp_path / ".mlops", variant))
    return list(of_run(settings(tmp_path), detect(GITHUB, StringIO()), data, lost_job=lost_job))


@pytest.mark.parametrize(
    ("variant", "lost_job", "kinds"),
    [
        ("promoted", "", ["recovery", "promotion"]),
        ("kept", "", ["recovery"]),
        ("waiting", "", ["recovery", "approval"]),
        ("failed", "", ["failure"]),
        ("rejected", "", ["failure"]),
        ("findings", "", ["failure"]),
        ("built-only", "", []),
        ("built-only", LOST, ["failure"]),
        ("kept", LOST, ["failure"]),
        ("failed", LOST, ["failure"]),
    ],
)
def test_kinds(tmp_path, variant, lost_job, kinds):
    assert [one.kind for one in events(tmp_path, variant, lost_job=lost_job)] == kinds


def test_a_failure_says_where_why_and_what_to_do(tmp_path):
    (one,) = events(tmp_path, "failed")
    assert one.title.endswith("train failed (exit 20, user-code)")
    assert "loss is nan" in one.reason
    assert one.next_step
    assert one.link == "https://git.example/vision/digits/actions/runs/8123"
    assert (one.line.mode, one.line.branch) == ("nightly", "main")


def test_a_promotion_has_its_metrics_beside_the_champions(tmp_path):
    promotion = events(tmp_path, "promoted")[1]
    assert promotion.title == "fashion-classifier version 7 is now the champion"
    assert promotion.facts["accuracy"] == "0.9142 (+0.0124 to the champion)"


def test_what_is_told_of_a_night_names_its_canary(tmp_path):
    folder = make_run(tmp_path / ".mlops", "promoted")
    run = Run(folder=folder, info=ReportData.read(folder).info)
    note_lost(run, "next", "its job was killed", failed=True)
    told = list(of_run(settings(tmp_path), detect(GITHUB, StringIO()), ReportData.read(folder)))
    assert {one.facts["canary"] for one in told} == {"[mode.next] failed (canary-lost, exit 10): its job was killed"}
    assert "failure" not in {one.kind for one in told}


def test_the_configuration_is_named_as_the_repository_knows_it(tmp_path):
    (tmp_path / ".git").mkdir()
    folder = tmp_path / "models" / "large"
    folder.mkdir(parents=True)
    assert config_name(settings(folder)) == "models/large/mlops.toml"
    assert line_of(settings(folder), None).branch == ""


@pytest.mark.parametrize(
    ("environ", "asks"),
    [
        ({}, False),
        ({"SLACK_URL": "x"}, True),
        (GITHUB, True),
        ({**GITHUB, "GITHUB_EVENT_NAME": "issue_comment"}, False),
        ({"MLOPS_CI_PROVIDER": "gitlab", "CI_PIPELINE_SOURCE": "schedule"}, True),
        (
            {
                "MLOPS_CI_PROVIDER": "gitlab",
                "CI_PIPELINE_SOURCE": "merge_request_event",
                "CI_MERGE_REQUEST_IID": "7",
                "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "a/b",
                "CI_MERGE_REQUEST_PROJECT_PATH": "a/b",
            },
            False,
        ),
    ],
)
def test_where_nobody_is_told_without_a_word(tmp_path, monkeypatch, environ, asks):
    """A person's machine without addresses, code of strangers, pull requests."""
    asked = []
    monkeypatch.setattr("mlops_ci.stages.telling.tell", lambda events, *_, **__: asked.extend(events))
    session = SimpleNamespace(
        settings=settings(tmp_path, slack="SLACK_URL"),
        provider=detect(environ, StringIO()),
        environ=environ,
        console=None,
        lost_job="",
    )
    tell_of_run(session, ReportData.read(make_run(tmp_path / ".mlops", "failed")))
    assert bool(asked) == asks


def test_a_bug_of_ours_fails_no_pipeline(tmp_path):
    def broken():
        raise ZeroDivisionError("https://hooks.example/secret")
        yield

    console = Console(sink=Heard())
    telling = tell(
        broken(), settings(tmp_path, slack="SLACK_URL"), console=console, environ={"SLACK_URL": "x"}, open_store=None
    )
    assert telling.warnings == ("notifications: nobody was told: ZeroDivisionError, a bug of mlops-ci",)
