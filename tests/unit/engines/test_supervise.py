"""How a guest is watched and ended, with a guest that the test plays; tests/integration/engines has the real ones."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from mlops_ci.engines import supervise as module
from mlops_ci.engines.base import EngineDiedError
from mlops_ci.engines.supervise import supervise


class Played:
    """Output comes through a real pipe; the end comes when the test's rules say so."""

    def __init__(self, data: bytes = b"", *, ends_on: str = "data") -> None:
        self.reader, self._writer = os.pipe()
        os.write(self._writer, data)
        self._ends_on = ends_on
        self.calls: list[str] = []
        self._open = True
        if ends_on == "data":
            self._end()

    def _end(self) -> None:
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1

    def output(self) -> int | None:
        return self.reader if self._open else None

    def read(self) -> bytes:
        data = os.read(self.reader, 4)
        self._open = bool(data)
        return data

    def poll(self) -> int | None:
        return 0 if self._writer < 0 else None

    def close_leash(self) -> None:
        self.calls.append("leash")
        if self._ends_on == "leash":
            self._end()

    def kill(self) -> None:
        self.calls.append("kill")
        self._end()

    def close(self) -> None:
        self._end()
        os.close(self.reader)


@pytest.fixture
def played() -> Iterator:
    made: list[Played] = []

    def make(*args, **options) -> Played:
        made.append(Played(*args, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same order of events in less time."""
    short = type("Short", (), {"stop_margin": 0.1, "stop_kill": 1.0})
    monkeypatch.setattr(module, "defaults", short)
    monkeypatch.setattr(module, "TICK", 0.02)


def test_all_output_comes_before_the_end(played):
    lines: list[str] = []
    running = played(b"one\ntwo\nthree")

    assert supervise(running, lines.append, deadline=None, grace=1) is False
    assert lines == ["one", "two", "three"]
    assert running.calls == []


def test_after_the_deadline_the_leash_is_closed_first(played):
    running = played(ends_on="leash")

    assert supervise(running, print, deadline=0.0, grace=0.05) is True
    assert running.calls == ["leash"]


def test_who_ignores_the_leash_is_killed(played):
    running = played(ends_on="kill")

    assert supervise(running, print, deadline=0.0, grace=0.05) is True
    assert running.calls == ["leash", "kill"]


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, OSError])
def test_an_interrupt_closes_the_leash_and_goes_on(played, interrupt: type[BaseException]):
    running = played(b"go\nmore\n", ends_on="leash")
    lines: list[str] = []

    def listener(line: str) -> None:
        lines.append(line)
        if line == "go":
            raise interrupt

    with pytest.raises(interrupt):
        supervise(running, listener, deadline=None, grace=5)
    assert running.calls == ["leash"]
    assert lines == ["go", "more"], "what comes while it stops is still heard"


def test_a_second_interrupt_kills_at_once(played):
    running = played(b"go\nmore\n", ends_on="kill")

    def listener(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        supervise(running, listener, deadline=None, grace=60)
    assert running.calls == ["leash", "kill"]


def test_an_engine_that_died_is_reported_without_waiting(played, monkeypatch: pytest.MonkeyPatch):
    running = played(ends_on="kill")

    def dead() -> int:
        raise EngineDiedError("gone")

    monkeypatch.setattr(running, "poll", dead)

    with pytest.raises(EngineDiedError):
        supervise(running, print, deadline=None, grace=60)
    assert running.calls == ["leash", "kill"]
