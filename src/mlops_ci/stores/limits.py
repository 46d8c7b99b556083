"""How much of the network and of the server a transfer may take."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

# Requests at once, where nothing else is configured: the more of them, the less often a server waits and wakes up.
CONCURRENCY = 64
# Threads that each wait for their own request.
THREADS = 16
# Threads that send small files, each over several connections: more of them take the interpreter from each other.
SENDERS = 4
# Parts of a large file at once, each in memory until the server has it. Fewer cost less, and one
# connection alone is slow on most networks (docs/figures.md, "Uploads").
PARTS = 4
# Ranges of a large object that are fetched at once, and files at once that are too large to send many of them.
RANGES = 8


@dataclass(frozen=True, kw_only=True)
class Limits:
    """`bandwidth` in bytes a second (None: no limit); `concurrency`: requests at once."""

    bandwidth: int | None = None
    concurrency: int = CONCURRENCY

    @property
    def senders(self) -> tuple[int, int]:
        """Threads for small files, and how many requests each of them may have under way."""
        threads = max(1, min(SENDERS, self.concurrency))
        return threads, max(1, self.concurrency // threads)

    @property
    def threads(self) -> int:
        """Threads that each wait for their own request."""
        return max(1, min(THREADS, self.concurrency))

    @property
    def parts(self) -> int:
        """How many parts of one large file are sent at once."""
        return max(1, min(PARTS, self.concurrency))

    @property
    def ranges(self) -> int:
        """How many ranges of one large object are fetched at once, or how many larger files are sent."""
        return max(1, min(RANGES, self.concurrency))


@dataclass(frozen=True, kw_only=True)
class StoreOptions:
    """What the configuration says about transfers to S3: `limits`, and how the server encrypts (`sse`, `sse_key`)."""

    limits: Limits = Limits()
    sse: str | None = None
    sse_key: str | None = None


class Throttle:
    """Bytes may pass at the rate of `bandwidth`, those of all threads together; without one, freely."""

    def __init__(
        self,
        bandwidth: int | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._bandwidth = bandwidth
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_at = clock()

    @property
    def free(self) -> bool:
        """Whether there is no limit."""
        return self._bandwidth is None

    def take(self, size: int) -> None:
        """Wait until `size` bytes may pass. What was not used in a pause is not caught up."""
        if self._bandwidth is None:
            return
        with self._lock:
            now = self._clock()
            begin = max(now, self._free_at)
            self._free_at = begin + size / self._bandwidth
        if begin > now:
            self._sleep(begin - now)
