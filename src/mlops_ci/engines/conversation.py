"""A person at a terminal and a job that listens: what is typed goes in on the leash, output comes out as it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from mlops_ci.engines.base import Person
from mlops_ci.engines.supervise import Beside, Running, attend
from mlops_ci.guest import frames


class Listening(Running, Protocol):
    """A guest that takes input beside its leash."""

    def send(self, data: bytes) -> None:
        """Write to the guest's standard input. Raises `OSError` when it is gone."""


def converse(running: Listening, person: Person, *, grace: float) -> None:
    """Stay with the guest to its end; a terminal that is gone ends it, as an interrupt does."""
    attend(running, person.show, deadline=None, grace=grace, beside=_Typing(running.send, running.close_leash, person))


class _Typing(Beside):
    """Hands on what is typed, and the terminal's size whenever it has changed."""

    def __init__(self, send: Callable[[bytes], None], hang_up: Callable[[], None], person: Person) -> None:
        self._send = send
        self._hang_up = hang_up
        self._person = person
        self._size: tuple[int, int] | None = None
        self._open = True

    def fileno(self) -> int | None:
        """The terminal, until it is gone."""
        return self._person.fileno() if self._open else None

    def ready(self) -> None:
        """Something was typed."""
        data = self._person.typed()
        if data:
            self._put(frames.typed(data))
        else:
            self._open = False
            self._hang_up()

    def tick(self) -> None:
        """Look whether the window has another size now."""
        size = self._person.size()
        if size != self._size:
            self._size = size
            self._put(frames.sized(*size))

    def _put(self, data: bytes) -> None:
        # A guest that has just ended takes nothing any more; its end is noticed by whoever watches it.
        with suppress(OSError):
            self._send(data)
