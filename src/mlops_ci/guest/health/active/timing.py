"""How long something takes on a device: samples of several calls each, long enough for a clock of this machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, Optional

from mlops_ci.guest.health.active.context import Context

SAMPLE_SECONDS = 0.02
LEAST_SAMPLES = 5
LOOK_SECONDS = 0.25


def samples(
    context: Context,
    action: Callable[[], Any],
    *,
    seconds: float,
    between: Optional[Callable[[], None]] = None,
) -> list[float]:
    """Seconds of one call, measured for `seconds` after a call to warm up; never longer than the budget allows.

    `between` runs beside the device's work, now and then. That sample does not count: it may take longer than the work.
    """
    _timed(context, action, 1)
    one = _timed(context, action, 1)
    calls = max(1, int(SAMPLE_SECONDS / max(one, 1e-7)))
    end = time.monotonic() + min(seconds, context.left())
    taken: list[float] = []
    looked = float("-inf")
    while len(taken) < LEAST_SAMPLES or time.monotonic() < end:
        if between is not None and time.monotonic() - looked >= LOOK_SECONDS:
            _timed(context, action, calls, between)
            looked = time.monotonic()
        taken.append(_timed(context, action, calls) / calls)
        if context.left() <= 0:
            break
    return taken


def median(taken: list[float]) -> float:
    """The middle one."""
    return statistics.median(taken)


def _timed(
    context: Context, action: Callable[[], Any], calls: int, between: Optional[Callable[[], None]] = None
) -> float:
    context.sync()
    started = time.perf_counter()
    for _ in range(calls):
        action()
    if between is not None:
        between()
    context.sync()
    return time.perf_counter() - started
