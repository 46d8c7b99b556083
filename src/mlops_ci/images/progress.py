"""Signs of life during long steps."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mlops_ci.console import Console


@contextmanager
def long_step(console: Console, name: str, title: str) -> Iterator[None]:
    """A fold whose programs' output is kept back unless it fails, with a line now and then that says it still runs."""
    ended = threading.Event()
    started = time.monotonic()

    def beat() -> None:
        while not ended.wait(console.heartbeat_seconds):
            console.say(f"still {title} ({time.monotonic() - started:.0f} s)")

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    with console.fold(name, title), console.quiet():
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
