"""Commands that run to their end: the output, or an error with the last lines of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from .errors import BedError

TAIL_LINES = 15


def run(argv: Sequence[str], *, text: str = "", environment: Mapping[str, str] | None = None) -> str:
    """Standard output of a command that succeeded; BedError with the end of what it said when it failed."""
    done = subprocess.run(
        list(argv), input=text, capture_output=True, text=True, check=False, env={**os.environ, **(environment or {})}
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-TAIL_LINES:])
        raise BedError(f"`{' '.join(argv)}` ended with {done.returncode}:\n{tail}")
    return done.stdout


def succeeds(argv: Sequence[str]) -> bool:
    """Whether a command that only asks something says yes."""
    return subprocess.run(list(argv), stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0
