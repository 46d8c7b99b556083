"""The guard is on in every test here: these only have to try."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

Refused = pytest.fail.Exception


def connect_to_unix_socket() -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("/nowhere.sock")


def listen() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))


def spawn_worker() -> None:
    multiprocessing.get_context("spawn").Process(target=print).start()


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: subprocess.run(["true"], check=False),
        lambda: os.system("true"),
        lambda: os.posix_spawn("/bin/true", ["true"], {}),
        lambda: os.execv("/bin/true", ["true"]),
        os.fork,
        spawn_worker,
        connect_to_unix_socket,
        lambda: socket.create_connection(("127.0.0.1", 9), timeout=0.1),
        lambda: urllib.request.urlopen("http://localhost:9/", timeout=0.1),
        listen,
    ],
    ids=["run", "system", "posix_spawn", "exec", "fork", "spawn", "unix", "tcp", "http", "listen"],
)
def test_processes_and_connections_are_refused(attempt: Callable[[], object]) -> None:
    with pytest.raises(Refused, match="unit test may not"):
        attempt()


def test_code_that_catches_errors_does_not_hide_it() -> None:
    def careless() -> None:
        try:
            socket.create_connection(("127.0.0.1", 9))
        except Exception:  # noqa: BLE001 - what the code under test might do
            return

    with pytest.raises(Refused):
        careless()


def test_what_stays_within_the_process_is_allowed(tmp_path: Path) -> None:
    assert asyncio.run(asyncio.sleep(0, "ran")) == "ran"
    (tmp_path / "file").write_text("x")
    assert sys.executable


def test_surroundings_are_gone() -> None:
    assert not [
        name for name in os.environ if name == "CI" or name.startswith(("MLOPS_", "DOCKER_", "AWS_", "GITHUB_"))
    ]
