"""The embedded server's log: one file for each run, the last few kept."""

from __future__ import annotations

import os
from pathlib import Path

from mlops_ci.tracking.constants import constants

NAME = "server.log"
TAIL_LINES = 25
TAIL_BYTES = 64 * 1024


class ServerLog:
    """`server.log` in a folder; older runs' are `server.1.log` (the newest), `server.2.log`, ..."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    def rotate(self) -> None:
        """Make room for a new run's log."""
        kept = constants().server.kept_logs
        for number in range(kept - 1, 0, -1):
            older = self._old(number)
            if older.is_file():
                os.replace(older, self._old(number + 1))
        if self.path.is_file():
            os.replace(self.path, self._old(1))

    def tail(self) -> tuple[str, ...]:
        """The last lines."""
        try:
            with self.path.open("rb") as stream:
                stream.seek(max(0, self.path.stat().st_size - TAIL_BYTES))
                text = stream.read().decode("utf-8", errors="replace")
        except FileNotFoundError:
            return ()
        return tuple(text.splitlines()[-TAIL_LINES:])

    def _old(self, number: int) -> Path:
        return self.path.with_name(f"server.{number}.log")
