"""The terminal in front of a person: raw while a program elsewhere has it, as it was afterwards."""

from __future__ import annotations

import os
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

CHUNK = 4096


class Terminal:
    """Standard input and output of this process, where both are a terminal."""

    kind = os.environ.get("TERM") or "xterm"

    def fileno(self) -> int:
        """Standard input."""
        return sys.stdin.fileno()

    def typed(self) -> bytes:
        """What has been typed; nothing when the terminal is gone."""
        try:
            return os.read(self.fileno(), CHUNK)
        except OSError:
            return b""

    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        try:
            found = os.get_terminal_size(sys.stdout.fileno())
        except OSError:
            return (24, 80)
        return (found.lines, found.columns)

    def show(self, data: bytes) -> None:
        """Write all of it."""
        left = memoryview(data)
        while left:
            left = left[os.write(sys.stdout.fileno(), left) :]

    @contextmanager
    def raw(self) -> Iterator[None]:
        """Every key goes to the program: Ctrl-C is its business."""
        before = termios.tcgetattr(self.fileno())
        try:
            # What was typed ahead is kept: it is meant for the shell that is still starting.
            tty.setraw(self.fileno(), termios.TCSADRAIN)
            yield
        finally:
            termios.tcsetattr(self.fileno(), termios.TCSADRAIN, before)


def terminal() -> Terminal | None:
    """The terminal, or None when input or output is something else."""
    return Terminal() if sys.stdin.isatty() and sys.stdout.isatty() else None
