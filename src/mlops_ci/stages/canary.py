"""A night's canary: the same cell with another overlay on top, in a run of its own. It decides nothing, and is told."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from mlops_ci import pipeline
from mlops_ci.errors import GateError, TerminatedRunError
from mlops_ci.run.run import Run
from mlops_ci.settings.settings import Settings
from mlops_ci.stages.decisions import no_publishing
from mlops_ci.stages.night import is_night
from mlops_ci.stages.runner import run_left_out, run_stage
from mlops_ci.stages.sequence import CODE, PAGE
from mlops_ci.stages.session import Session

NAME = "canary"
NEVER = frozenset({"publish", "promote", "deploy"})


@dataclass
class Limit:
    """`over` is true once the time is up."""

    over: bool = False


def has_canary(settings: Settings) -> bool:
    """Whether a run with these settings is a night that names one."""
    return is_night(settings) and settings.tables.nightly.canary is not None


def planned(night: Run) -> str | None:
    """The overlay of the canary that plan found to be run beside this night, or None."""
    plan = night.record("plan")
    name = plan.outputs.get(NAME) if plan is not None else None
    return str(name) if name else None


@contextmanager
def time_limit(seconds: float) -> Iterator[Limit]:
    """What takes longer ends as by SIGTERM: through every `finally`, with a record."""
    limit = Limit()

    def stop(_number: int, _frame: FrameType | None) -> None:
        limit.over = True
        raise SystemExit(TerminatedRunError.exit_code)

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield limit
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run_cell(session: Session) -> None:
    """From plan to evaluate, and a page that nobody is told of. A gate that says no is told, and stops nothing."""
    session.warm_tracking()
    for name in pipeline.NAMES[:-1]:
        if name in NEVER:
            record = run_left_out(session, name, no_publishing(session) or NAME)
        else:
            record = run_stage(session, name, CODE[name])
        if record.status == "failed" and record.exit_code != GateError.exit_code:
            break
    run_stage(session, "report", PAGE)
