"""Seconds by the clock."""

from __future__ import annotations

import time
from collections.abc import Callable


def seconds(work: Callable[[], object]) -> float:
    """How long the work takes."""
    started = time.monotonic()
    work()
    return time.monotonic() - started
