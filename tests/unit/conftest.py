"""Unit tests start no process, open no connection, and see neither a testbed nor a CI provider."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

# Binds a socket at its import, to see whether IPv6 works: imported here, before the guard is armed.
import urllib3  # noqa: F401

from support import unit_guard


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment without what a CI machine or a developer's testbed adds."""
    unit_guard.remove_surroundings(monkeypatch)


@pytest.fixture(autouse=True)
def no_processes_no_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test that tries fails there and then, whatever errors the code under test catches."""
    with unit_guard.armed(monkeypatch):
        yield
