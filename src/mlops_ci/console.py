"""Narration for people: everything the tool says goes through one `Console`, which writes to a provider's `Sink`.

Results go to standard output and are printed by the commands; narration goes to the sink (standard error). A provider
(GitHub, GitLab, a terminal) implements `Sink`: folds, annotations and all escaping live there.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from mlops_ci.redaction import Redactor

Level = Literal["error", "warning", "notice"]

PREFIX = "[mlops-ci]"
KEPT_LINES = 10_000


@dataclass(frozen=True, kw_only=True)
class Status:
    """How far long work is: `fraction` from 0 to 1, None where nobody can know; `seconds` since it began."""

    title: str
    seconds: float
    fraction: float | None
    detail: str


class Sink(Protocol):
    """Where narration goes. One implementation per provider."""

    @property
    def live(self) -> bool:
        """Whether somebody watches a terminal on which `status` can draw."""

    def line(self, text: str) -> None:
        """Show one line of text as it is: no workflow command in it may be obeyed."""

    def open_fold(self, name: str, title: str) -> None:
        """Start a foldable section."""

    def close_fold(self, name: str) -> None:
        """End the section that `open_fold` started."""

    def annotate(self, level: Level, title: str, text: str, file: str | None = None, line: int | None = None) -> None:
        """Attach a message to the run (and to a file's line, if named)."""

    def mask(self, secret: str) -> None:
        """Ask the provider to hide `secret` in its log from now on."""

    def status(self, status: Status | None) -> None:
        """Draw a bar below all lines, over the one before it; None takes it away. Without `live`: nothing."""

    def flush(self) -> None:
        """Say what was held back: called once, at the end."""


@dataclass
class Console:
    """The voice of the tool. `quiet` steps keep their lines and show them only when the step fails.

    `last_line_at` (monotonic seconds) tells `progress` how long there has been silence, `activities` what is under way.
    """

    sink: Sink
    redactor: Redactor = field(default_factory=Redactor)
    verbose: bool = False
    heartbeat_seconds: float = 30.0
    last_line_at: float = field(default_factory=time.monotonic)
    activities: list[object] = field(default_factory=list)
    _buffer: deque[str] | None = None

    def say(self, text: str) -> None:
        """One line of the tool's own, prefixed with its name."""
        self.last_line_at = time.monotonic()
        for line in self.redactor.clean(text).splitlines() or [""]:
            self.sink.line(f"{PREFIX} {line}")

    def output(self, text: str) -> None:
        """One line of another program's output: kept back inside a quiet step, shown otherwise."""
        line = self.redactor.clean(text)
        if self._buffer is None:
            self.last_line_at = time.monotonic()
            self.sink.line(line)
        else:
            self._buffer.append(line)

    def annotate(self, level: Level, title: str, text: str, file: str | None = None, line: int | None = None) -> None:
        """A message that the provider attaches to the run."""
        self.sink.annotate(level, title, self.redactor.clean(text), file, line)

    def secret(self, value: str) -> None:
        """Hide `value` from now on, here and in the provider's log."""
        if self.redactor.add(value):
            self.sink.mask(value)

    @contextmanager
    def fold(self, name: str, title: str) -> Iterator[None]:
        """A foldable section that ends with a tick or a cross and the seconds it took."""
        self.sink.open_fold(name, title)
        started = time.monotonic()
        mark = "✗"
        try:
            yield
            mark = "✓"
        finally:
            self.sink.close_fold(name)
            self.say(f"{mark} {title} ({time.monotonic() - started:.1f} s)")

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Keep other programs' output back; show the whole of it only if the block raises."""
        if self.verbose or self._buffer is not None:
            yield
            return
        kept: deque[str] = deque(maxlen=KEPT_LINES)
        self._buffer = kept
        try:
            yield
        except BaseException:
            self._buffer = None
            for line in kept:
                self.sink.line(line)
            raise
        finally:
            self._buffer = None


class NullSink:
    """A sink that swallows everything, for library use and tests."""

    live = False

    def line(self, text: str) -> None:
        """Nothing is shown."""

    def open_fold(self, name: str, title: str) -> None:
        """Nothing is shown."""

    def close_fold(self, name: str) -> None:
        """Nothing is shown."""

    def annotate(self, level: Level, title: str, text: str, file: str | None = None, line: int | None = None) -> None:
        """Nothing is shown."""

    def mask(self, secret: str) -> None:
        """Nothing is shown."""

    def status(self, status: Status | None) -> None:
        """Nothing is shown."""

    def flush(self) -> None:
        """Nothing is shown."""
