"""The dead man's switch over real HTTP: what it is told, and that it costs nothing and its address is never shown."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mlops_ci.nightly.ping import ping
from support.cli import call
from support.project import make_project

SECRET = "5f9d2c1e-secret"


class Switch:
    """Answers with `status` after `delay`, and remembers what it was asked."""

    def __init__(self):
        self.paths = []
        self.status = 200
        self.delay = 0.0
        self.address = ""


@contextmanager
def switch() -> Iterator[Switch]:
    made = Switch()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            made.paths.append(self.path)
            time.sleep(made.delay)
            self.send_response(made.status)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.address = f"http://127.0.0.1:{server.server_port}/ping/{SECRET}"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def listening():
    with switch() as made:
        yield made


def test_each_word_has_its_address(listening):
    for word in ("start", "fail", "success"):
        assert ping(listening.address, word) is None
    assert ping(f"{listening.address}/?rid=1", "start") is None
    assert listening.paths == [
        f"/ping/{SECRET}/start",
        f"/ping/{SECRET}/fail",
        f"/ping/{SECRET}",
        f"/ping/{SECRET}/start?rid=1",
    ]


@pytest.mark.parametrize("status", [404, 500, 503])
def test_a_refusal_is_told_without_the_address(listening, status):
    listening.status = status
    assert ping(listening.address, "success") == f"it answered with status {status}"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ftp://x/y",
        f"http://127.0.0.1:9/{SECRET}",
        f"http://[{SECRET}",
        f"http://256.256.256.256/{SECRET}",
        "http://",
    ],
)
def test_whatever_is_wrong_with_the_address_nothing_is_raised_and_nothing_shown(address):
    problem = ping(address, "start")
    assert problem
    assert SECRET not in problem


def test_a_switch_that_hangs_costs_seconds(listening):
    listening.delay = 30.0
    started = time.monotonic()
    assert "reached" in ping(listening.address, "start")
    assert time.monotonic() - started < 8


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path / "project")


def test_the_command_tells_and_never_shows(listening, project):
    done = call(project, "nightly", "ping", "fail", environment={"MLOPS_CI_PING_URL": listening.address})
    assert (done.exit_code, listening.paths) == (0, [f"/ping/{SECRET}/fail"])
    assert "told `fail`" in done.stderr
    assert SECRET not in done.said


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"MLOPS_CI_PING_URL": f"http://127.0.0.1:9/{SECRET}"}, "could not be reached"),
        ({"MLOPS_CI_NIGHTLY__PING_URL": "OTHER_URL"}, "OTHER_URL is not set"),
        ({"MLOPS_CI_NIGHTLY__SCHEDULE": "nonsense"}, "five fields"),
    ],
)
def test_the_command_never_fails(project, environment, said):
    done = call(project, "nightly", "ping", "success", environment=environment)
    assert done.exit_code == 0
    assert said in done.stderr
    assert SECRET not in done.said
