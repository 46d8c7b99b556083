"""The server of an inference image as a real process on a real socket."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlops_ci.guest.serving.config import Example, Limits, Service, as_json
from support.testbed.ports import free_ports

SERVE = """
import time
def load(folder):
    def predict(inputs):
        while inputs[0] and not (folder / "go").exists():
            time.sleep(0.02)
        return inputs
    return predict
"""
MAIN = """
import sys
from pathlib import Path
from mlops_ci.guest.serving.main import main
HOME = Path(sys.argv[1])
sys.exit(main(sys.argv[2:], HOME, HOME / "app", HOME / "model"))
"""


def home(folder: Path, text: str) -> tuple[Path, int]:
    (folder / "app").mkdir()
    (folder / "model").mkdir()
    (folder / "app" / "serve.py").write_text(text)
    (port,) = free_ports(1)
    limits = Limits(body=1000, workers=2, queue=0, drain=60.0)
    service = Service(
        entry="serve.py:load", port=port, model={"name": "m"}, limits=limits, example=Example(inputs=[0.0])
    )
    (folder / "service.json").write_text(json.dumps(as_json(service)))
    return folder, port


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, str(folder), *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ask(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body=body, headers=named)
    answer = connection.getresponse()
    said = answer.status, answer.read().decode()
    connection.close()
    return said


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, int, subprocess.Popen[str]]]:
    folder, port = home(tmp_path, SERVE)
    child = start(folder)
    until(lambda: ask(port, "GET", "/health")[0] == 200)
    yield folder, port, child
    child.kill()
    child.communicate()


def until(holds: Callable[[], bool]) -> None:
    """Wait until it holds; a server that does not answer yet is no reason to give up."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if holds():
                return
        time.sleep(0.02)
    raise AssertionError("it did not come to that")


def health(folder: Path) -> int:
    """The exit code of the container's own health check."""
    with start(folder, "--health") as child:
        child.communicate(timeout=20)
    return child.returncode


JSON = {"Content_Type": "application/json"}


def test_what_is_too_much_is_refused_before_it_is_read_and_the_rest_is_answered(served):
    _, port, _ = served
    assert ask(port, "POST", "/predict", b'{"inputs": [0.0]}', **JSON)[0] == 200
    assert ask(port, "POST", "/predict", b"x" * 2000, **JSON)[0] == 413
    assert ask(port, "POST", "/predict", b"{}", Content_Type="text/plain")[0] == 415
    assert ask(port, "GET", "/health", b"body")[0] == 400
    for method in ("PUT", "BREW"):
        assert ask(port, method, "/predict")[0] == 405
    with socket.create_connection(("127.0.0.1", port), 5) as raw:
        raw.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        assert b" 411 " in raw.recv(200)
    with socket.create_connection(("127.0.0.1", port), 5) as raw:
        two = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
        raw.sendall(two + two)
        said = b""
        while said.count(b'"live"') < 2:
            said += raw.recv(4096)
    assert said.count(b"HTTP/1.1 200") == 2, "a connection serves several requests"
    assert 'path="/predict",code="413"} 1' in ask(port, "GET", "/metrics")[1]


def test_on_sigterm_what_is_under_way_is_answered_and_nothing_new_is_taken(served):
    folder, port, child = served
    answers: list[tuple[int, str]] = []
    slow = threading.Thread(target=lambda: answers.append(ask(port, "POST", "/predict", b'{"inputs": [1.0]}', **JSON)))
    slow.start()
    until(lambda: "mlops_serve_busy 1" in ask(port, "GET", "/metrics")[1])
    assert health(folder) == 0
    child.send_signal(signal.SIGTERM)
    until(lambda: '"draining"' in ask(port, "GET", "/health")[1])
    assert ask(port, "POST", "/predict", b'{"inputs": [0.0]}', **JSON)[0] == 503
    (folder / "model" / "go").touch()
    slow.join(20)
    assert answers[0][0] == 200
    assert child.wait(20) == 0
    assert health(folder) == 1


def test_a_model_that_cannot_be_loaded_ends_the_server_with_the_users_exit_code(tmp_path):
    folder, _ = home(tmp_path, "import nothing_of_that_name\n")
    child = start(folder)
    _, said = child.communicate(timeout=30)
    assert child.returncode == 20
    assert "No module named 'nothing_of_that_name'" in said
    assert "the model could not be loaded by serve.py:load" in said
