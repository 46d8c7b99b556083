"""Holds unit tests to pure code: processes and connections are refused while one runs."""

from __future__ import annotations

import _posixsubprocess
import contextlib
import os
import sys
from collections.abc import Iterator

import pytest

# Python's audit events (PEP 578). `os.posix_spawn` and `subprocess.Popen` come before anything is started; Unix
# sockets raise `socket.connect` and `socket.bind` as TCP ones do; `socket.socketpair` stays allowed for event loops.
FORBIDDEN = frozenset(
    {
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "os.system",
        "pty.spawn",
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "socket.getnameinfo",
        "socket.sendmsg",
        "socket.sendto",
        "subprocess.Popen",
    }
)
SURROUNDINGS = ("AWS_", "CI_", "DOCKER_", "GITHUB_", "GITLAB_", "MLFLOW_", "MLOPS_", "RUNNER_")


class _Guard:
    """Whether a unit test runs now. An audit hook cannot be taken out again, so it asks here."""

    active = False
    installed = False


@contextlib.contextmanager
def armed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuse processes and connections for the time of a `with` block."""
    if not _Guard.installed:
        sys.addaudithook(_refuse)
        _Guard.installed = True
    # multiprocessing's `spawn` and `forkserver` go here, past every audit event.
    monkeypatch.setattr(_posixsubprocess, "fork_exec", _refuse_fork_exec)
    _Guard.active = True
    try:
        yield
    finally:
        _Guard.active = False


def remove_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the variables of testbeds, CI providers and servers out of the environment."""
    for name in list(os.environ):
        if name == "CI" or name.startswith(SURROUNDINGS):
            monkeypatch.delenv(name)


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if _Guard.active and event in FORBIDDEN:
        # No Exception but pytest's own outcome, which is a BaseException: code that catches errors must not hide it.
        pytest.fail(f"a unit test may not do this: {event}{arguments!r}; such a test belongs into tests/integration")


def _refuse_fork_exec(*arguments: object) -> None:
    pytest.fail(f"a unit test may not start {arguments[0]!r}; such a test belongs into tests/integration")
