"""Which checks a task wants, with which limits, and what of their findings is silenced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mlops_ci.guest.health.check import BLOCK, SKIP, WARN, Check
from mlops_ci.guest.health.levels import LEVELS
from mlops_ci.guest.health.tested import untested

if TYPE_CHECKING:
    from datetime import date

    from mlops_ci.guest.task import HealthRequest, Silence

STATIC, QUICK, STANDARD, LONG = LEVELS
BUDGETS = ((15.0, QUICK), (60.0, STANDARD))
"""A budget up to so many seconds has this level, where none is named."""

SECONDS = {STATIC: 0, QUICK: 15, STANDARD: 60, LONG: 300}
"""The budget of each level: an active check belongs to the levels from its own budget on."""


def level_of(request: HealthRequest, budget: float) -> str:
    """The named level, else that of the budget."""
    if request.level:
        return request.level
    return next((level for seconds, level in BUDGETS if budget <= seconds), LONG)


def reaches(level: str, wanted: str) -> bool:
    """Whether a check of the level `wanted` belongs to a run of `level`."""
    return LEVELS.index(wanted) <= LEVELS.index(level)


def named(check: str, names: Sequence[str]) -> bool:
    """Whether one of the names means this check: the whole id, or whole words of its beginning."""
    return any(check == name or check.startswith(f"{name}.") for name in names)


def silenced(checks: Sequence[Check], silences: Sequence[Silence], today: date) -> Iterator[Check]:
    """The checks, with findings that somebody knows of as SKIP; a silence that is over is told, and hides nothing."""
    # Both are days of the form 2026-12-31.
    valid = [one for one in silences if one.until >= today.isoformat()]
    for check in checks:
        rule = next((one for one in valid if named(check.id, [one.check])), None)
        if rule is None or check.status not in (WARN, BLOCK):
            yield check
        else:
            cause = f"silenced until {rule.until} ({rule.reason}); it was {check.status}: {check.cause}"
            yield replace(check, status=SKIP, cause=cause)
    for one in silences:
        if one not in valid:
            cause = f"the silence of {one.check} ended on {one.until} ({one.reason})"
            yield Check(f"silence.{one.check}", WARN, one.until, cause=cause, advice="Mend it, or take the entry out.")


def told(checks: Sequence[Check], request: HealthRequest, *, gpus: int, today: date) -> list[Check]:
    """What is told of all that was found: what is wanted and whatever blocks, and that a GPU was not tested."""
    kept = [one for one in checks if not request.only or named(one.id, request.only) or one.status == BLOCK]
    found = list(silenced(kept, request.silences, today))
    return [*found, *untested(kept, found, 0 if request.known else gpus, named=bool(request.only))]
