"""A writer of a schedule's stamps, each recognisable as a whole: its parts and host repeat its run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from mlops_ci.nightly.stamps import Ended, Stamps, Started
from mlops_ci.run.clock import stamp
from mlops_ci.stores.open import open_store

REPEATED = 500


def stamps_at(where: tuple[str, str | None]) -> Stamps:
    """The stamps in the store at an address and endpoint."""
    return Stamps(store=open_store(where[0], endpoint=where[1]), project="p", mode="nightly")


def write(where: tuple[str, str | None], run: str, rounds: int, begun: Callable[[], None] = lambda: None) -> None:
    """Start and end that often, every second time with success."""
    stamps = stamps_at(where)
    for number in range(rounds):
        at = stamp(datetime.now(UTC))
        stamps.start(Started(run=run, at=at, host=run * REPEATED))
        stamps.end(
            Ended(
                run=run,
                started_at=at,
                at=stamp(datetime.now(UTC)),
                result="passed" if number % 2 else "failed",
                exit_code=1 - number % 2,
                parts={"code": run * REPEATED},
            )
        )
        if number == 0:
            begun()
