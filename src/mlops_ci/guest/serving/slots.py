"""So many predictions at once, so many requests that wait, and a clear no for all others."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from typing import Any, Callable


class BusyError(Exception):
    """There is no place to wait left."""


class TooLateError(Exception):
    """The answer did not come in time; the work goes on, and holds its place until it ends."""


class Slots:
    """`workers` threads, and `queue` places to wait."""

    def __init__(self, workers: int, queue: int) -> None:
        self._workers = workers
        self._places = workers + queue
        self._taken = 0
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="predict")

    def run(self, work: Callable[[], Any], timeout: float) -> Any:
        """The work's result, or what it raised. Raises `BusyError`, `TooLateError`."""
        with self._lock:
            if self._taken >= self._places:
                raise BusyError
            self._taken += 1
        future = self._pool.submit(work)
        future.add_done_callback(self._release)
        try:
            return future.result(timeout)
        except LateError:
            if future.done() and not future.cancelled():
                raise
            error: type[Exception] = BusyError if future.cancel() else TooLateError
            raise error from None

    def _release(self, _future: Future[Any]) -> None:
        with self._lock:
            self._taken -= 1

    @property
    def busy(self) -> int:
        """Requests that are worked on."""
        return min(self._taken, self._workers)

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return max(self._taken - self._workers, 0)
