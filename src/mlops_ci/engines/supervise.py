"""Watches a running guest, whatever runs it: streams its output, ends it when its time is over or we are interrupted.

One thread: an interrupt is seen at once, and what `on_line` raises ends the job and reaches the caller.
"""

from __future__ import annotations

import contextlib
import selectors
import time
from collections.abc import Callable
from typing import Protocol

from mlops_ci.engines.defaults import defaults
from mlops_ci.engines.lines import LineSplitter

TICK = 0.1
# After the guest's end its output may still be in the pipe, and a process that got away may hold the pipe open.
DRAIN = 1.0


class Running(Protocol):
    """A guest that has been started."""

    def output(self) -> int | None:
        """The file descriptor that its output can be waited for on; None once it has ended."""

    def read(self) -> bytes:
        """What there is of its output now; nothing at its end."""

    def poll(self) -> int | None:
        """Its exit code once it has ended, 128 + signal when killed. Raises `EngineDiedError` when nobody can know."""

    def close_leash(self) -> None:
        """Ask it to stop, by closing its standard input. Asking twice is harmless."""

    def kill(self) -> None:
        """End it and everything that it started, now. Never raises."""


class Beside(Protocol):
    """Something else to listen to while a guest runs."""

    def fileno(self) -> int | None:
        """What to wait for; None when there is nothing more to come."""

    def ready(self) -> None:
        """There is something."""

    def tick(self) -> None:
        """Called about ten times a second."""


def supervise(running: Running, on_line: Callable[[str], None], *, deadline: float | None, grace: float) -> bool:
    """Stay with the guest to its end, line by line; see `attend`."""
    splitter = LineSplitter(on_line)
    overdue = attend(running, splitter.feed, deadline=deadline, grace=grace)
    splitter.close()
    return overdue


def attend(
    running: Running,
    feed: Callable[[bytes], None],
    *,
    deadline: float | None,
    grace: float,
    beside: Beside | None = None,
) -> bool:
    """Stay with the guest to its end; True when it was still there `deadline` + `grace` seconds from now and was ended.

    On an interrupt (KeyboardInterrupt, SystemExit, any error of `feed`) the guest's leash is closed; it has `grace`
    seconds to save its work, is killed when it does not end, and the interrupt goes on to the caller. A second
    interrupt kills at once.
    """
    end = None if deadline is None else time.monotonic() + deadline + grace
    try:
        overdue = not _until_ended(running, feed, end, beside)
        if overdue:
            _stop(running, feed, grace)
    except BaseException:

        def forgiving(data: bytes) -> None:
            with contextlib.suppress(Exception):
                feed(data)

        with contextlib.suppress(Exception):
            _stop(running, forgiving, grace)
        raise
    return overdue


def _stop(running: Running, feed: Callable[[bytes], None], grace: float) -> None:
    limits = defaults()
    try:
        running.close_leash()
        if _until_ended(running, feed, time.monotonic() + grace + limits.stop_margin):
            return
    except BaseException:
        running.kill()
        raise
    running.kill()
    _until_ended(running, feed, time.monotonic() + limits.stop_kill)


def _until_ended(
    running: Running, feed: Callable[[bytes], None], end: float | None, beside: Beside | None = None
) -> bool:
    """Hand on output until the guest has ended and said all; False when it has not by `end` (monotonic seconds)."""
    ended_at: float | None = None
    watched: int | None = None
    other: int | None = None
    with selectors.DefaultSelector() as selector:
        while True:
            watched = _watch(selector, watched, running.output())
            if beside is not None:
                beside.tick()
                other = _watch(selector, other, beside.fileno())
            if watched is None:
                time.sleep(TICK / 10)
            ready = {key.fd for key, _ in selector.select(0 if watched is None else TICK)}
            if watched in ready:
                feed(running.read())
            if beside is not None and other in ready:
                beside.ready()
            now = time.monotonic()
            if running.poll() is not None:
                ended_at = ended_at or now
                if running.output() is None or now > ended_at + DRAIN:
                    return True
            elif end is not None and now > end:
                return False


def _watch(selector: selectors.BaseSelector, before: int | None, now: int | None) -> int | None:
    if before != now:
        if before is not None:
            selector.unregister(before)
        if now is not None:
            selector.register(now, selectors.EVENT_READ)
    return now
