"""Who is told what at the end of runs, as users see it: the command line, real servers, fresh machines."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import mail_server as mail_support
from support.cli import Called, call
from support.mail_server import MailServer
from support.project import commit, head
from support.report_outputs import RUN
from support.report_run import make_run
from support.web_server import Reply, WebServer, web_server

CONFIG = """[project]
name = "digits"

[train]
command = "python train.py"

[image]
variant = "cpu"

[notify]
slack = "SLACK_URL"
webhook = "HOOK_URL"
"""
SECRET = "/services/T0001/uDeepSecretOfTheChannel"
HOST = {"MLOPS_CI_ENGINE": "host"}


@pytest.fixture
def hook() -> Iterator[WebServer]:
    with web_server(lambda _: Reply(body=b"ok")) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "mlops.toml").write_text(CONFIG)
    (folder / "train.py").write_text("print('loss: 1')\n")
    (folder / ".gitignore").write_text(".mlops/\n")
    commit(folder, "first")
    return folder


def add_run(project: Path, variant: str, day: int, cause: str = "") -> str:
    """A finished run of that day, as the pipeline leaves it; `cause` replaces the failure's."""
    name = RUN.replace(RUN[:8], f"202601{day:02d}")
    made = make_run(project / ".mlops", variant)
    for path in made.rglob("*.json"):
        text = path.read_text().replace(RUN, name)
        path.write_text(text.replace("loss is nan at step 301", cause) if cause else text)
    made.rename(made.parent / name)
    return name


def report(project: Path, run: str, environment: dict[str, str]) -> tuple[dict[str, Any], Called]:
    """The record of the stage report of that run, which must have passed."""
    done = call(project, "report", "--only", "--run", run, environment={**HOST, **environment})
    assert done.exit_code == 0, done.said
    text = (project / ".mlops" / "runs" / run / "records" / "report.json").read_text()
    assert "uDeepSecret" not in done.said + text
    return json.loads(text), done


def kinds(hook: WebServer) -> list[str]:
    """The events that the webhook was told since the last look."""
    found = [request.json["kind"] for request in hook.requests]
    hook.requests.clear()
    return found


def test_nights_on_fresh_machines(project: Path, tmp_path: Path, hook: WebServer) -> None:
    """Each night has a new checkout; only the object store is the same."""
    environment = {"HOOK_URL": hook.url + SECRET, "MLOPS_CI_PUBLISH__STORE": str(tmp_path / "store")}

    def night(variant: str, day: int, cause: str = "") -> list[str]:
        machine = tmp_path / f"machine-{day}" / "digits"
        shutil.copytree(project, machine)
        name = add_run(machine, variant, day, cause)
        record, _ = report(machine, name, environment)
        told = [one["event"] for one in record["outputs"]["notifications"] if one["ending"] == "sent"]
        assert kinds(hook) == told
        return told

    assert night("failed", 2) == ["failure"]
    assert night("failed", 3, "loss is nan at step 17") == []
    assert night("promoted", 5) == ["recovery", "promotion"]
    assert night("waiting", 7) == ["approval"]


def test_what_arrives_of_a_failure(project: Path, hook: WebServer) -> None:
    name = add_run(project, "failed", 2)
    record, done = report(project, name, {"HOOK_URL": hook.url + SECRET})
    (request,) = hook.requests
    message = request.json
    assert message["title"] == "digits: train failed (exit 20, user-code)"
    assert message["reason"].endswith("FloatingPointError: loss is nan at step 301")
    assert message["next_step"].startswith("a lower learning rate")
    assert message["run"] == name
    assert record["outputs"]["notifications"] == [{"event": "failure", "channel": "webhook", "ending": "sent"}]
    assert record["warnings"] == ["notifications: slack was not told: the environment variable SLACK_URL is not set"]
    assert "told webhook of failure: sent" in done.stderr


def test_the_same_run_is_told_once(project: Path, hook: WebServer) -> None:
    name = add_run(project, "promoted", 2)
    environment = {"HOOK_URL": hook.url + SECRET}
    report(project, name, environment)
    assert kinds(hook) == ["promotion"]
    done = call(project, "report", "--only", "--force", "--run", name, environment={**HOST, **environment})
    assert done.exit_code == 0
    assert kinds(hook) == []
    assert "told webhook of promotion: told before" in done.stderr


def test_a_channel_in_trouble_is_a_warning_and_is_told_later(project: Path, hook: WebServer) -> None:
    name = add_run(project, "failed", 2)
    hook.answer = lambda request: Reply(status=404 if request.path == SECRET else 200)
    environment = {"SLACK_URL": hook.url + SECRET, "HOOK_URL": hook.url + "/other", "GITHUB_ACTIONS": "false"}
    record, done = report(project, name, environment)
    assert {one["channel"]: one["ending"] for one in record["outputs"]["notifications"]} == {
        "slack": "failed",
        "webhook": "sent",
    }
    assert "slack was not told of failure: 127.0.0.1" in record["warnings"][0]
    assert "warning: report" in done.stderr
    hook.answer = lambda _: Reply()
    hook.requests.clear()
    done = call(project, "report", "--only", "--force", "--run", name, environment={**HOST, **environment})
    assert [request.path for request in hook.requests] == [SECRET]


def test_without_its_memory_it_tells_rather_than_keeps_silent(project: Path, hook: WebServer) -> None:
    (project / "blocked").write_text("a file where the store's folder should be")
    name = add_run(project, "failed", 2)
    environment = {"HOOK_URL": hook.url + SECRET, "MLOPS_CI_PUBLISH__STORE": "blocked"}
    record, _ = report(project, name, environment)
    assert kinds(hook) == ["failure"]
    assert any("may be told again" in one for one in record["warnings"])


def test_who_does_not_want_to_know_is_not_told(project: Path, hook: WebServer) -> None:
    name = add_run(project, "failed", 2)
    record, _ = report(project, name, {"HOOK_URL": hook.url + SECRET, "MLOPS_CI_NOTIFY__ON": '["promotion"]'})
    assert hook.requests == []
    assert record["outputs"]["notifications"] == []


def test_a_persons_machine_without_addresses_says_nothing(project: Path) -> None:
    record, _ = report(project, add_run(project, "failed", 2), {})
    assert record["warnings"] == []


def in_ci(project: Path, event: str = "push", **payload: Any) -> dict[str, str]:
    path = project.parent / "event.json"
    path.write_text(json.dumps(payload))
    return {
        **HOST,
        "MLOPS_CI_PROVIDER": "github",
        "GITHUB_EVENT_NAME": event,
        "GITHUB_EVENT_PATH": str(path),
        "GITHUB_REPOSITORY": "vision/digits",
        "GITHUB_REF_NAME": "main",
        "GITHUB_SERVER_URL": "https://git.example",
        "GITHUB_RUN_ID": "8123",
    }


@pytest.mark.parametrize(
    ("event", "payload", "told"),
    [
        ("push", {}, ["failure"]),
        ("pull_request", {"number": 7, "head": {"repo": {"full_name": "vision/digits"}}}, []),
    ],
)
def test_a_job_that_left_no_record_is_a_failure(project, hook, event, payload, told) -> None:
    """The last job of a pipeline is told by the CI system that another one died with its machine."""
    about = {**payload, "base": {"sha": head(project)}}
    environment = {**in_ci(project, event, pull_request=about), "HOOK_URL": hook.url + SECRET}
    assert call(project, "plan", environment=environment).exit_code == 0
    needs = {"MLOPS_CI_NEEDS": json.dumps({"plan": {"result": "success"}, "train": {"result": "failure"}})}
    done = call(project, "result", environment={**environment, **needs})
    assert done.exit_code != 0
    messages = [request.json for request in hook.requests]
    assert [one["kind"] for one in messages] == told
    if told:
        assert messages[0]["link"] == "https://git.example/vision/digits/actions/runs/8123"
        assert messages[0]["branch"] == "main"
    assert "uDeepSecret" not in done.said


def test_a_pipeline_that_never_had_a_run_is_a_failure(project: Path, hook: WebServer) -> None:
    environment = {**in_ci(project), "HOOK_URL": hook.url + SECRET}
    needs = {"MLOPS_CI_NEEDS": json.dumps({"plan": {"result": "failure", "outputs": {"exit-code": "3"}}})}
    done = call(project, "result", environment={**environment, **needs})
    assert done.exit_code == 3
    (request,) = hook.requests
    assert request.json["title"] == "digits: the pipeline failed before its run began"


def test_a_job_of_several_leaves_the_telling_to_the_last(project: Path, hook: WebServer) -> None:
    (project / "mlops.toml").write_text(CONFIG + '[data]\nfetch = "python fetch.py"\n')
    environment = {**HOST, "HOOK_URL": hook.url + SECRET}
    done = call(project, "prepare", "--only", environment=environment)
    assert done.exit_code != 0
    assert hook.requests == []
    assert call(project, "report", "--only", environment=environment).exit_code == 0
    assert kinds(hook) == ["failure"]


def notify(project: Path, *arguments: str, environment: dict[str, str]) -> Called:
    done = call(project, "notify", *arguments, environment=environment)
    assert "uDeepSecret" not in done.said
    return done


def test_missed_runs_are_told_once_in_a_while_and_their_end(project: Path, hook: WebServer) -> None:
    environment = {"HOOK_URL": hook.url + SECRET, "SLACK_URL": hook.url + SECRET}
    missed = ("missed-run", "--reason", "no success for 49 h", "--fact", "expected=2026-01-02", "--cause", "stale")
    for _ in range(2):
        assert notify(project, *missed, environment=environment).exit_code == 0
    assert len(hook.requests) == 2
    message = next(request.json for request in hook.requests if "kind" in request.json)
    assert message["title"] == "digits: a scheduled run did not happen"
    assert message["facts"] == {"expected": "2026-01-02"}
    hook.requests.clear()
    again = notify(project, *missed, "--set", "notify.repeat=0.001", environment=environment)
    assert again.exit_code == 0
    assert any("3 times since" in str(request.json) for request in hook.requests)
    hook.requests.clear()
    assert notify(project, "recovery", environment=environment).exit_code == 0
    assert len(hook.requests) == 2


def test_the_channels_can_be_tried(project: Path, hook: WebServer) -> None:
    (project / "mlops.toml").write_text(CONFIG + 'email = "SMTP_URL"\nemail-to = ["team@example.com"]\n')
    with mail_support.mail_server(MailServer()) as mail:
        environment = {
            "HOOK_URL": hook.url + SECRET,
            "SLACK_URL": hook.url + SECRET,
            "SMTP_URL": f"smtp://127.0.0.1:{mail.port}",
        }
        done = notify(project, "test", "--json", environment=environment)
        assert done.exit_code == 0, done.said
        assert len(mail.mails) == 1
    assert len(hook.requests) == 2
    endings = {one["channel"]: one["ending"] for one in json.loads(done.stdout)["notifications"]}
    assert endings == {"slack": "sent", "webhook": "sent", "email": "sent"}
    done = notify(project, "test", environment={**environment, "HOOK_URL": "http://127.0.0.1:9" + SECRET})
    assert done.exit_code == 10
    assert "webhook was not told of test: 127.0.0.1:9 could not be reached" in done.stderr


def test_what_would_be_sent_can_be_seen_without_an_address(project: Path) -> None:
    done = notify(project, "failure", "--reason", "a & b", "--dry-run", environment={})
    assert done.exit_code == 0
    shown = json.loads(done.stdout)
    assert "a &amp; b" in json.dumps(shown["slack"])
    assert shown["webhook"]["reason"] == "a & b"


def test_a_repository_without_channels(project: Path) -> None:
    (project / "mlops.toml").write_text(CONFIG.partition("[notify]")[0])
    done = call(project, "notify", "test")
    assert done.exit_code == 2
    assert "[notify] names no channel" in done.stderr
