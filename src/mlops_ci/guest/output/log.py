"""The job's log: shown on our standard output, kept in a file, the last lines remembered for the cause of a failure."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

from mlops_ci.guest.output.lines import LONGEST, Line
from mlops_ci.guest.output.redact import Redactor
from mlops_ci.guest.processes.children import closing
from mlops_ci.guest.processes.outlet import Outlet

LARGEST = 64 * 1024 * 1024
"""Bytes of the log file; beyond, lines are shown and searched but no longer kept."""

TAIL = 400


class JobLog:
    """Where lines go. A full disk never stops the job or us: it is remembered in `problem`."""

    def __init__(self, path: Path, outlet: Outlet, redactor: Redactor) -> None:
        self.tail: deque[str] = deque(maxlen=TAIL)
        self.problem: str | None = None
        self.written_bytes = 0
        self._outlet = outlet
        self._redactor = redactor
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def line(self, line: Line) -> str:
        """Show and keep a line of the job; gives its text, without secrets."""
        text = self._redactor.clean(line.text.decode("utf-8", "replace"))
        cut = max(0, len(text) - LONGEST) + line.dropped
        shown = text[:LONGEST] + (f" ... [{cut} more characters cut]" if cut else "")
        self._outlet.write(_bytes(shown))
        if not line.progress:
            self.tail.append(shown)
            self._keep(_bytes(shown))
        return shown

    def say(self, text: str) -> None:
        """A line of our own, marked as such; it never counts as a cause."""
        data = _bytes("mlops-ci: " + self._redactor.clean(text))
        self._outlet.write(data)
        self._keep(data)

    def close(self) -> None:
        """Nothing more comes."""
        closing(self._file)

    def _keep(self, data: bytes) -> None:
        if self.problem is not None:
            return
        if self.written_bytes + len(data) > LARGEST:
            self.problem = f"the log is longer than {LARGEST // 1024 // 1024} MiB: the rest was shown but not kept"
            return
        try:
            self.written_bytes += os.write(self._file, data)
        except OSError as error:
            self.problem = f"the log could not be kept to its end: {error.strerror}"


def _bytes(text: str) -> bytes:
    return (text + "\n").encode("utf-8", "replace")
