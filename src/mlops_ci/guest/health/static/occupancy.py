"""What an earlier job left on this GPU, read before a context of ours is opened.

Memory is the signal. Process ids are advice only: inside a container they are the host's numbers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from mlops_ci.guest.health.card import Answer, Card, unseen
from mlops_ci.guest.health.check import PASS, WARN, Check

STEP = 1.0


def leftover(card: Card) -> Iterator[Check]:
    """Memory in use; an ended process frees its own late, so that is asked again for a while."""
    waited = 0.0
    while True:
        memory = card.memory()
        if not memory.there:
            yield unseen("gpu.leftover", memory)
            return
        total, used = int(memory.value.total), int(memory.value.used)
        if not 0 <= used <= total or not total:
            yield unseen("gpu.leftover", Answer(None, f"the driver says that {used} of {total} bytes are in use"))
            return
        limit = max(int(card.limit("gpu.leftover.bytes")), int(card.limit("gpu.leftover.share") * total))
        if used <= limit:
            yield Check("gpu.leftover", PASS, used, limit, "bytes")
            return
        if waited >= card.limit("gpu.leftover.retry"):
            yield _held(card, used, limit, waited)
            return
        time.sleep(STEP)
        waited += STEP


def _held(card: Card, used: int, limit: int, waited: float) -> Check:
    processes = card.ask("nvmlDeviceGetComputeRunningProcesses")
    numbers = ", ".join(str(one.pid) for one in processes.value or ())
    holders = f" by processes {numbers} (the host's numbers)" if numbers else ""
    cause = f"{used / 2**20:.0f} MiB are in use{holders} before this job touches the GPU, for {waited:.0f} s now"
    return Check("gpu.leftover", WARN, used, limit, "bytes", cause, "End what an earlier job left on this GPU.")
