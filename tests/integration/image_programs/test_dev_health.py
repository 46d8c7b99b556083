"""The health check of the layer dev asks the services themselves: something else at their port is not healthy."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[3] / "images" / "dev" / "program"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ somebody\n"


def answer(body: str) -> bytes:
    return f"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{body}".encode()


@contextmanager
def service(said: bytes) -> Iterator[int]:
    """Says the same to everybody; with nothing to say nobody listens. Gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def serve() -> None:
            try:
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.sendall(said)
                        connection.shutdown(socket.SHUT_WR)
                        while connection.recv(4096):
                            pass
            except OSError:
                return

        if said:
            threading.Thread(target=serve, daemon=True).start()
        else:
            listener.close()
        yield port
        if said:
            listener.shutdown(socket.SHUT_RDWR)


def asked(folder: Path, *, jupyter: bytes, ssh: bytes) -> subprocess.CompletedProcess[str]:
    (folder / "keys").write_text(KEY)
    with service(jupyter) as web, service(ssh) as login:
        told = {
            "PATH": os.environ["PATH"],
            "MLOPS_JUPYTER_PORT": str(web),
            "MLOPS_SSH": "on",
            "MLOPS_SSH_PORT": str(login),
            "MLOPS_SSH_AUTHORIZED_KEYS": str(folder / "keys"),
        }
        words = [sys.executable, "-I", str(PROGRAM), "--health"]
        return subprocess.run(words, env=told, capture_output=True, text=True, timeout=30, check=False)


GOOD, SSH = answer(json.dumps({"version": "2.17"})), b"SSH-2.0-OpenSSH_9.2\r\n"


def test_both_that_answer_are_healthy(tmp_path: Path) -> None:
    done = asked(tmp_path, jupyter=GOOD, ssh=SSH)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("jupyter", "ssh", "problem"),
    [
        (b"", SSH, "JupyterLab does not answer"),
        (answer("<html>another server</html>"), SSH, "JupyterLab does not answer"),
        (b"HTTP/1.0 503 Service Unavailable\r\n\r\n", SSH, "JupyterLab does not answer"),
        (GOOD, b"", "the SSH server does not answer"),
        (GOOD, b"220 a mail server\r\n", "the SSH server does not answer"),
    ],
)
def test_one_that_does_not_is_named(tmp_path: Path, jupyter: bytes, ssh: bytes, problem: str) -> None:
    done = asked(tmp_path, jupyter=jupyter, ssh=ssh)
    assert done.returncode == 1
    assert done.stderr.count("does not answer") == 1
    assert problem in done.stderr
