"""Somebody at a terminal, for tests of conversations: types what the test says, keeps what is shown."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any, Self

from support.guest_job import until


class FakePerson:
    """`then` runs in a thread beside the conversation; what it types goes in, what comes out is in `shown`."""

    def __init__(self, then: Callable[[FakePerson], Any], *, size: tuple[int, int] = (33, 111)) -> None:
        self.shown = b""
        self.dimensions = size
        self._inner, self._outer = os.pipe()
        self._thread = threading.Thread(target=then, args=(self,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(20)
        self.leave()
        os.close(self._inner)

    def fileno(self) -> int:
        return self._inner

    def typed(self) -> bytes:
        return os.read(self._inner, 65536)

    def size(self) -> tuple[int, int]:
        return self.dimensions

    def show(self, data: bytes) -> None:
        self.shown += data

    def type(self, text: str) -> None:
        """Press keys."""
        left = text.encode()
        while left:
            left = left[os.write(self._outer, left) :]

    def wait_for(self, text: str) -> None:
        """Until it stands on the screen."""
        until(lambda: text.encode() in self.shown, 30)

    def leave(self) -> None:
        """Close the terminal's window."""
        if self._outer >= 0:
            os.close(self._outer)
            self._outer = -1

    @property
    def screen(self) -> str:
        """What was shown."""
        return self.shown.decode("utf-8", "replace").replace("\r\n", "\n")


def slowly(person: FakePerson, *lines: str) -> None:
    """Type line after line, as a person would."""
    for line in lines:
        person.type(f"{line}\n")
        time.sleep(0.1)
