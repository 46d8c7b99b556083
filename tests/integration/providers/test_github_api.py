"""Another try, asked of a server that answers as GitHub's API does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mlops_ci.network import RetryPolicy
from mlops_ci.providers.github_api import (
    FinishedRun,
    GitHubUnavailableError,
    NotAWorkflowRunError,
    RerunRefusedError,
    finished_run,
    rerun_failed_jobs,
)

RUN = FinishedRun(id=7, attempt=1, conclusion="failure")
QUICK = RetryPolicy(attempts=2, first_wait=0.01)


class Server(ThreadingHTTPServer):
    """`statuses` are what it answers, the last one for ever."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses = [201]
        self.asked: list[tuple[str, str]] = []

    @property
    def environ(self) -> dict[str, str]:
        address = f"http://127.0.0.1:{self.server_port}"
        return {"GITHUB_API_URL": address, "GITHUB_REPOSITORY": "o/r", "GITHUB_TOKEN": "of-the-job"}


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, self.headers["Authorization"]))
        status = self.server.statuses[0]
        if len(self.server.statuses) > 1:
            self.server.statuses.pop(0)
        self.send_response(status)
        self.end_headers()

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


def test_the_failed_jobs_of_the_run(server):
    rerun_failed_jobs(server.environ, RUN, policy=QUICK)
    assert server.asked == [("/repos/o/r/actions/runs/7/rerun-failed-jobs", "Bearer of-the-job")]


def test_a_server_that_is_busy_is_asked_again(server):
    server.statuses = [503, 201]
    rerun_failed_jobs(server.environ, RUN, policy=QUICK)
    assert len(server.asked) == 2


def test_a_server_that_stays_busy(server):
    server.statuses = [500]
    with pytest.raises(GitHubUnavailableError):
        rerun_failed_jobs(server.environ, RUN, policy=QUICK)


@pytest.mark.parametrize("status", [401, 403, 422])
def test_a_refusal_is_final(server, status):
    server.statuses = [status]
    with pytest.raises(RerunRefusedError) as caught:
        rerun_failed_jobs(server.environ, RUN, policy=QUICK)
    assert "actions: write" in caught.value.hint
    assert len(server.asked) == 1


def test_without_a_token(server):
    with pytest.raises(RerunRefusedError):
        rerun_failed_jobs({**server.environ, "GITHUB_TOKEN": ""}, RUN, policy=QUICK)


@pytest.mark.parametrize("text", ["{}", "no json", '{"workflow_run": {"id": 1}}', "[]"])
def test_an_event_that_is_no_finished_run(tmp_path, text):
    path = tmp_path / "event.json"
    path.write_text(text)
    with pytest.raises(NotAWorkflowRunError):
        finished_run({"GITHUB_EVENT_PATH": str(path)})


def test_the_run_that_ended(tmp_path):
    path = tmp_path / "event.json"
    path.write_text('{"workflow_run": {"id": 7, "run_attempt": 1, "conclusion": "failure"}}')
    assert finished_run({"GITHUB_EVENT_PATH": str(path)}) == RUN
