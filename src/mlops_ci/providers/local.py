"""A terminal, or any machine that is no CI system."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TextIO

from mlops_ci.console import Level, Status
from mlops_ci.providers.bar import bar
from mlops_ci.providers.stream import LineWriter
from mlops_ci.providers.text import RESET, Painter, flat, rows

RED, YELLOW, BLUE, BOLD = "\x1b[31m", "\x1b[33m", "\x1b[34m", "\x1b[1m"
# Where the terminal does not say how wide it is.
COLUMNS = 80
COLOURS: Mapping[Level, str] = {"error": RED, "warning": YELLOW, "notice": BLUE}


def wants_colour(environ: Mapping[str, str], stream: TextIO, *, log_has_colours: bool = False) -> bool:
    """NO_COLOR wins, then FORCE_COLOR and CLICOLOR_FORCE (0 is off), then whether a person or a coloured log watches.

    An empty variable counts as not set (no-color.org).
    """
    if environ.get("NO_COLOR"):
        return False
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
        if environ.get(name):
            return environ[name].lower() not in ("0", "false")
    return log_has_colours or (_is_terminal(stream) and environ.get("TERM") != "dumb")


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (OSError, ValueError):
        return False


@dataclass
class TerminalSink:
    """Folds are headings; annotations are coloured lines; with `live`, long work has a bar below them."""

    out: LineWriter
    colour: bool
    live: bool = False
    _painter: Painter = field(init=False)

    def __post_init__(self) -> None:
        self._painter = Painter(self.colour)

    def line(self, text: str) -> None:
        """Escape sequences other than colours do not get through."""
        for row in rows(text):
            self.out.write(self._painter.paint(row))

    def open_fold(self, name: str, title: str) -> None:  # noqa: ARG002  # a terminal has no folds
        """A heading."""
        self._painter.forget()
        self.out.write(f"{BOLD}━━ {flat(title)}{RESET}" if self.colour else f"-- {flat(title)}")

    def close_fold(self, name: str) -> None:  # noqa: ARG002
        """Nothing to show."""
        self._painter.forget()

    def annotate(self, level: Level, title: str, text: str, file: str | None = None, line: int | None = None) -> None:
        """The place, the level and the title, then the text indented."""
        place = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        head = f"{place}{level}: {flat(title)}"
        self.out.write(f"{COLOURS[level]}{head}{RESET}" if self.colour else head)
        for one in text.splitlines():
            self.out.write(f"  {flat(one)}")

    def mask(self, secret: str) -> None:
        """The console has removed it already."""

    def status(self, status: Status | None) -> None:
        """A bar on the last line, as wide as the terminal allows."""
        if self.live:
            self.out.foot("" if status is None else bar(status, columns=_columns(self.out.stream), colour=self.colour))

    def flush(self) -> None:
        """Nothing is held back."""


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or COLUMNS
    except (OSError, ValueError):
        return COLUMNS


@dataclass
class LocalProvider:
    """Outputs and summaries need no place of their own: they are in the run directory."""

    sink: TerminalSink
    name: str = "local"
    local: bool = True
    outputs: dict[str, str] = field(default_factory=dict)

    def set_output(self, name: str, value: str) -> None:
        """Kept for this process only."""
        self.outputs[name] = value

    def summary(self, markdown: str) -> None:
        """The report's own summary.md is enough."""

    def links(self) -> Mapping[str, str]:
        """None."""
        return {}

    def trusted(self) -> tuple[bool, str]:
        """Who runs it here has the code here."""
        return True, "a local run" if self.local else "a CI system that says nothing of forks"

    def secrets_at_hand(self) -> bool:
        """A person's own machine."""
        return False

    def attempt(self) -> str | None:
        """There is none."""
        return None

    def bring(self, folder: str) -> tuple[str, ...]:  # noqa: ARG002  # part of `Provider`
        """What was made here is here."""
        return ()

    def change(self) -> int | None:
        """A person's own work."""
        return None

    def base(self) -> tuple[str, ...] | None:
        """No pull request."""
        return None

    def branch(self) -> str | None:
        """Git knows."""
        return None


def unknown_ci(environ: Mapping[str, str]) -> bool:
    """Whether this is a CI system that we know nothing of: CI is what Jenkins, Buildkite and others set."""
    return environ.get("CI", "").lower() not in ("", "0", "false")


def local_provider(environ: Mapping[str, str], stream: TextIO) -> LocalProvider:
    """The provider for a terminal. Under a CI system that we do not know, nothing is chosen silently either.

    MLOPS_CI_PROVIDER=local says that a person works here after all.
    """
    person = environ.get("MLOPS_CI_PROVIDER") == "local" or not unknown_ci(environ)
    sink = TerminalSink(
        out=LineWriter(stream),
        colour=wants_colour(environ, stream),
        live=person and _is_terminal(stream) and environ.get("TERM") != "dumb",
    )
    return LocalProvider(sink=sink, local=person)
