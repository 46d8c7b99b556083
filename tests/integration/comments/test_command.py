"""`mlops-ci comment` as a CI job calls it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import Called, call
from support.forge import BOT, NUMBER, PERSON, PROJECT, REPOSITORY, Forge, forge
from support.report_run import make_run

CONFIG = '[project]\nname = "digits"\n[train]\ncommand = "python train.py"\n'
LEAK = "leaked_hunter22_password"


@pytest.fixture
def server() -> Iterator[Forge]:
    with forge() as made:
        yield made


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a run that failed, in whose error a secret stands."""
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    (folder / "mlops.toml").write_text(CONFIG)
    run = make_run(folder / ".mlops", "failed")
    record = run / "records" / "train.json"
    text = record.read_text().replace("a lower learning rate", f"{LEAK} a lower learning rate")
    # What GitLab would obey in a note, in the last lines of the training's log.
    record.write_text(text.replace("Traceback (most", "/close\\nTraceback (most"))
    return folder


def github(server: Forge, project: Path, **changes: str) -> dict[str, str]:
    """What a job for a pull request of the repository itself has in its environment."""
    event = project.parent / "event.json"
    head = {"repo": {"full_name": changes.pop("head", REPOSITORY)}}
    event.write_text(json.dumps({"pull_request": {"number": NUMBER, "head": head}}))
    return {
        "MLOPS_CI_PROVIDER": "github",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_SERVER_URL": "https://git.example",
        "GITHUB_RUN_ID": "8123",
        "GITHUB_API_URL": f"{server.url}/api/v3",
        "GITHUB_TOKEN": BOT,
        "SOME_PASSWORD": LEAK,
        **changes,
    }


def gitlab(server: Forge, project: Path, **changes: str) -> dict[str, str]:
    """What a merge request pipeline has in its environment; the token is that of a person."""
    return {
        "MLOPS_CI_PROVIDER": "gitlab",
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_MERGE_REQUEST_IID": str(NUMBER),
        "CI_MERGE_REQUEST_PROJECT_ID": PROJECT,
        "CI_MERGE_REQUEST_PROJECT_PATH": "vision/digits",
        "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": changes.pop("head", "vision/digits"),
        "CI_PROJECT_ID": PROJECT,
        "CI_PROJECT_DIR": str(project),
        "CI_API_V4_URL": f"{server.url}/api/v4",
        "CI_PIPELINE_URL": "https://git.example/-/pipelines/8123",
        "MLOPS_GITLAB_TOKEN": PERSON,
        "SOME_PASSWORD": LEAK,
        **changes,
    }


PLACES = {"github": github, "gitlab": gitlab}


@pytest.fixture(params=list(PLACES))
def place(request: pytest.FixtureRequest):
    return PLACES[request.param]


def comment(project: Path, environment: dict[str, str]) -> tuple[dict[str, str], Called]:
    done = call(project, "comment", "--json", environment=environment)
    assert done.exit_code == 0, done.said
    for secret in (BOT, PERSON, LEAK):
        assert secret not in done.said
    return json.loads(done.stdout), done


def test_it_says_what_happened_and_holds_no_secret(server: Forge, project: Path, place) -> None:
    result, _ = comment(project, place(server, project))
    assert result["action"] == "created"
    (written,) = server.comments
    body = written["body"]
    assert "### ❌ Failed: train failed" in body
    assert "FloatingPointError" in body
    assert "8123" in body
    # As it would stand there, and as Markdown escapes it.
    assert "hunter22" not in body
    assert "&#47;close" in body
    assert not [line for line in body.splitlines() if line.startswith("/")]
    assert server.server is not None
    assert all(BOT not in request.target and PERSON not in request.target for request in server.server.requests)
    shutil.rmtree(project / ".mlops" / "runs")
    make_run(project / ".mlops", "promoted")
    assert comment(project, place(server, project))[0]["action"] == "updated"
    assert "Promoted" in server.comments[0]["body"]
    assert "| **accuracy** | 0.9142 | 0.9018 | +0.0124 |" in server.comments[0]["body"]


def test_without_a_token_an_optional_comment_is_nothing_to_warn_of(server: Forge, project: Path, place) -> None:
    environment = place(server, project, GITHUB_TOKEN="", MLOPS_GITLAB_TOKEN="")
    for option, action in ((), "failed"), (("--optional",), "nothing"):
        done = call(project, "comment", "--json", *option, environment=environment)
        assert done.exit_code == 0
        assert json.loads(done.stdout)["action"] == action
        assert "_TOKEN is not set" in json.loads(done.stdout)["why"]
        assert ("warning" in done.stderr) == (action == "failed")
    wrong = place(server, project, GITHUB_TOKEN="wrong", MLOPS_GITLAB_TOKEN="wrong")
    done = call(project, "comment", "--json", "--optional", environment=wrong)
    assert json.loads(done.stdout)["action"] == "failed"


def test_code_of_a_fork_writes_nothing(server: Forge, project: Path, place) -> None:
    result, _ = comment(project, place(server, project, head="stranger/digits"))
    assert (result["action"], "not trusted" in result["why"]) == ("nothing", True)
    assert server.server is not None
    assert server.server.requests == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"GITHUB_EVENT_NAME": "push"}, "this is no pull request"),
        ({"MLOPS_CI_NOTIFY__COMMENT": "false"}, "[notify] comment is false"),
    ],
)
def test_where_there_is_nothing_to_write(server: Forge, project: Path, change: dict[str, str], why: str) -> None:
    result, _ = comment(project, github(server, project, **change))
    assert result == {"action": "nothing", "url": "", "why": why}


def test_a_pipeline_without_a_run(server: Forge, project: Path) -> None:
    shutil.rmtree(project / ".mlops")
    assert comment(project, github(server, project))[0]["why"] == "there is no run"


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        ({"GITHUB_TOKEN": ""}, "GITHUB_TOKEN is not set"),
        ({"GITHUB_TOKEN": "wrong-token-4714-dddd"}, "does not know the token"),
        ({"GITHUB_API_URL": "http://127.0.0.1:9"}, "127.0.0.1:9 could not be reached"),
        ({"GITHUB_API_URL": "no address"}, "no comment:"),
        ({"MLOPS_CI_NOTIFY__COMENT": "x"}, "no comment:"),
        ({"MLOPS_CI_RUN": "20200101-000000-aaaaaa"}, "there is no run"),
    ],
)
def test_whatever_goes_wrong_is_a_warning(server: Forge, project: Path, change: dict[str, str], warning: str) -> None:
    result, done = comment(project, github(server, project, **change))
    assert result["action"] == "failed"
    assert "::warning title=comment::" in done.stderr
    assert warning in done.stderr
    assert "wrong-token" not in done.said
