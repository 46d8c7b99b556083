"""Signs of life during long work: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mlops_ci.console import Console, Status

# A bar moves smoothly at this rate, and costs nothing.
REDRAW_SECONDS = 0.2


class Activity:
    """Long work that is under way: it is told how far it is, and shows it."""

    def __init__(self, console: Console, title: str, detail: Callable[[], str] | None) -> None:
        self._console = console
        self._title = title
        self._ask = detail
        self._fraction: float | None = None
        self._detail = ""
        self._started = time.monotonic()
        self._told = self._started

    def update(self, fraction: float | None, detail: str = "") -> None:
        """How much is done (0 to 1, None where nobody can know), and in words."""
        self._fraction = None if fraction is None else min(1.0, max(0.0, fraction))
        self._detail = detail

    def show(self) -> None:
        """Draw the bar again, or say a line when nothing has been said for a while."""
        now = time.monotonic()
        if self._console.sink.live:
            self._console.sink.status(self._status(now))
        elif now - max(self._told, self._console.last_line_at) >= self._console.heartbeat_seconds:
            self._told = now
            self._console.say(_in_words(self._status(now)))

    def _status(self, now: float) -> Status:
        detail = self._ask() if self._ask is not None else self._detail
        return Status(title=self._title, seconds=now - self._started, fraction=self._fraction, detail=detail)


@contextmanager
def activity(console: Console, title: str, detail: Callable[[], str] | None = None) -> Iterator[Activity]:
    """Show, while the block runs, that it still does and how far it is; `detail` is asked whenever something is shown.

    Of activities within each other the innermost is shown.
    """
    shown = Activity(console, title, detail)
    ended = threading.Event()
    every = REDRAW_SECONDS if console.sink.live else min(1.0, console.heartbeat_seconds)
    console.activities.append(shown)

    def beat() -> None:
        while not ended.wait(every):
            if console.activities[-1:] == [shown]:
                shown.show()

    thread = threading.Thread(target=beat, name="progress", daemon=True)
    thread.start()
    try:
        yield shown
    finally:
        ended.set()
        thread.join()
        console.activities.remove(shown)
        console.sink.status(None)


@contextmanager
def long_step(console: Console, name: str, title: str) -> Iterator[Activity]:
    """A fold whose programs' output is kept back unless it fails, with signs of life meanwhile."""
    with console.fold(name, title), console.quiet(), activity(console, title) as shown:
        yield shown


def _in_words(status: Status) -> str:
    percent = "" if status.fraction is None else f"{status.fraction:.0%}"
    parts = ", ".join(part for part in (percent, status.detail) if part)
    return f"still {status.title}{': ' if parts else ''}{parts} ({status.seconds:.0f} s)"
