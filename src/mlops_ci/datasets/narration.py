"""Progress in words, not more often than somebody wants to read it."""

from __future__ import annotations

import time
from collections.abc import Callable

from mlops_ci.stores.base import OnProgress, Progress

SECONDS_BETWEEN = 10.0

Say = Callable[[str], None]


def spoken(say: Say | None, doing: str) -> OnProgress | None:
    """A progress callback that says every ten seconds how far it is; None when there is nobody to tell."""
    if say is None:
        return None
    last = time.monotonic()

    def tell(progress: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN:
            last = now
            say(
                f"{doing}: {progress.files} of {progress.total_files} files, "
                f"{progress.bytes / 1e6:.0f} of {progress.total_bytes / 1e6:.0f} MB"
            )

    return tell
