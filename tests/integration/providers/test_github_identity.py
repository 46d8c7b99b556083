"""The job's identity, asked of a server that answers as GitHub's does."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest

from mlops_ci.commands import result
from mlops_ci.commands.options import Options
from mlops_ci.commands.surroundings import assume_role
from mlops_ci.network import RetryPolicy
from mlops_ci.providers.github_identity import IdentityUnavailableError, NoIdentityError, identity_token

QUICK = RetryPolicy(attempts=2, first_wait=0.01)


class Server(ThreadingHTTPServer):
    """`answers` are status and body, the last one for ever; `asked` is what came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, bytes]] = [(200, json.dumps({"value": "the.token"}).encode())]
        self.asked: list[tuple[str, str]] = []

    @property
    def environ(self) -> dict[str, str]:
        return {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://127.0.0.1:{self.server_port}/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "bearer-of-the-job",
        }


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        audience = parse_qs(urlsplit(self.path).query)["audience"][0]
        self.server.asked.append((audience, self.headers["Authorization"]))
        status, body = self.server.answers[0]
        if len(self.server.answers) > 1:
            self.server.answers.pop(0)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_token_for_an_audience(server):
    assert identity_token(server.environ, "sts.amazonaws.com", policy=QUICK) == "the.token"
    assert server.asked == [("sts.amazonaws.com", "bearer bearer-of-the-job")]


def test_a_server_that_is_busy_is_asked_again(server):
    server.answers.insert(0, (503, b""))
    assert identity_token(server.environ, "a", policy=QUICK) == "the.token"


@pytest.mark.parametrize("answer", [(500, b""), (200, b"no json"), (200, b"{}"), (200, b"[]")])
def test_a_server_that_gives_none(server, answer):
    server.answers = [answer]
    with pytest.raises(IdentityUnavailableError):
        identity_token(server.environ, "a", policy=QUICK)


@pytest.mark.parametrize("status", [401, 403])
def test_a_job_that_may_not_ask(server, status):
    server.answers = [(status, b"")]
    with pytest.raises(NoIdentityError) as caught:
        identity_token(server.environ, "a", policy=QUICK)
    assert "id-token: write" in caught.value.hint
    assert len(server.asked) == 1


@pytest.mark.parametrize("environ", [{}, {"ACTIONS_ID_TOKEN_REQUEST_URL": "file:///etc/passwd?"}])
def test_a_job_that_has_no_identity(environ):
    with pytest.raises(NoIdentityError):
        identity_token({"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "x", **environ}, "a")


def test_a_role_is_assumed_for_as_long_as_the_command_runs(server):
    settings = SimpleNamespace(tables=SimpleNamespace(mirrors=SimpleNamespace(ca_bundle=None)), root=Path("/"))
    environ = {**server.environ, "AWS_ROLE_ARN": "arn:aws:iam::1:role/x"}
    with ExitStack() as stack:
        assume_role(settings, "github", environ, stack)
        path = Path(environ["AWS_WEB_IDENTITY_TOKEN_FILE"])
        assert path.read_text() == "the.token"
        assert path.stat().st_mode & 0o077 == 0
        assert not any(name.startswith("ACTIONS_ID_TOKEN") for name in environ)
    assert not path.exists()
    assert "AWS_WEB_IDENTITY_TOKEN_FILE" not in environ


def test_without_a_role_nothing_is_asked_and_nobody_else_can(server):
    environ = server.environ
    with ExitStack() as stack:
        assume_role(SimpleNamespace(), "github", environ, stack)
    assert environ == {}
    assert server.asked == []


def test_the_last_job_has_its_identity_to_the_very_end(server, tmp_path, monkeypatch):
    """The stamps of a night are written when the session of the report has closed."""
    (tmp_path / "mlops.toml").write_text('[train]\ncommand = "python train.py"\n')
    monkeypatch.chdir(tmp_path)
    for name, value in {**server.environ, "MLOPS_CI_PROVIDER": "github", "AWS_ROLE_ARN": "arn:x"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_WEB_IDENTITY_TOKEN_FILE", raising=False)
    found = []

    def night(options, outcome, *rest):
        found.append((outcome.exit_code, Path(os.environ["AWS_WEB_IDENTITY_TOKEN_FILE"]).read_text()))

    monkeypatch.setattr(result, "_hand_on", night)
    assert result.result(Options(), "train") == 4
    assert found == [(4, "the.token")]
    assert "AWS_WEB_IDENTITY_TOKEN_FILE" not in os.environ
