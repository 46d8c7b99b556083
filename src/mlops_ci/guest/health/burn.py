"""Runs the active checks of the catalogue on one device, in order, as far as the budget goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_ci.guest.health import rules
from mlops_ci.guest.health.active.catalogue import CHECKS
from mlops_ci.guest.health.active.context import NODE, ActiveCheck, Context, Hook, applies, untouched
from mlops_ci.guest.health.active.reference import Facts, row_for, seen_by_torch
from mlops_ci.guest.health.active.sensor import sensor
from mlops_ci.guest.health.card import Card, GoneError
from mlops_ci.guest.health.check import BLOCK, PASS, SKIP, Check
from mlops_ci.guest.health.cuda_errors import first_line, meaning
from mlops_ci.guest.health.row import Say

if TYPE_CHECKING:
    from mlops_ci.guest.health.request import Request

CLOCK_SM, CLOCK_MEMORY = 1, 2
FIRST = "device.context"
"""Without it nothing else says anything."""


@dataclass(frozen=True)
class Burn:
    """The active checks; `faults` is where tests put faults of the computation."""

    checks: tuple[ActiveCheck, ...] = CHECKS
    faults: Hook = untouched
    clock: Callable[[], float] = time.monotonic

    def run(
        self, torch: Any, request: Request, card: Card | None, left: float, say: Say, *, node: bool = False
    ) -> bool:
        """Run those of the device (or, with `node`, of the whole node); whether anything ran."""
        over, ran, stopped = self.clock() + left, False, ""
        table: Mapping[str, Any] | None = None
        for one, beyond in self._wanted(request, node=node):
            rest = over - self.clock()
            cost = one.seconds if request.gpus else one.cpu_seconds
            enough = rest >= cost or (rest > 0 and one.id == FIRST)
            short = "" if enough else f"not reached: {max(0.0, rest):.0f} s of the budget were left"
            why = beyond or stopped or short
            if why:
                say("check", Check(f"{one.id}.{request.device}", SKIP, cause=why).as_json())
                continue
            if table is None and one.id != FIRST:
                # Torch is asked for properties only of a device that has answered.
                say("step", "torch device properties")
                table = self._table(torch, request, card)
            say("step", f"active {one.id}")
            ran = True
            for check in self._one(one, self._context(torch, request, card, table or {}, rest)):
                say("check", check.as_json())
                if check.status != PASS and one.id == FIRST:
                    stopped = f"not reached: {one.id} did not pass"
        return ran

    def _wanted(self, request: Request, *, node: bool) -> Iterator[tuple[ActiveCheck, str]]:
        for one in self.checks:
            if (NODE in one.needs) != node or not applies(one, gpus=request.gpus):
                continue
            if request.only and not rules.named(one.id, request.only):
                continue
            beyond = one.level > rules.SECONDS[request.level]
            if not beyond or request.only:
                yield one, ""
            elif not request.chosen:
                yield one, f"not reached: it belongs to a budget of {one.level} s"

    def _context(
        self, torch: Any, request: Request, card: Card | None, table: Mapping[str, Any], left: float
    ) -> Context:
        return Context(
            torch=torch,
            device=request.device,
            budget=left,
            limits=request.limits,
            table=table,
            faults=self.faults,
            sensor=sensor(card.binding, card.handle) if card is not None else None,
        )

    @staticmethod
    def _table(torch: Any, request: Request, card: Card | None) -> Mapping[str, Any]:
        facts = Facts("") if card is None else facts_of(card)
        return row_for(seen_by_torch(torch, request.device, facts)) if request.gpus else {}

    def _one(self, one: ActiveCheck, context: Context) -> Iterable[Check]:
        try:
            return [explained(check) for check in one.run(context)]
        except Exception as error:
            known = meaning(str(error))
            cause = f"the check did not come to its end: {first_line(error)}"
            return [Check(f"{one.id}.{context.device}", BLOCK, cause=cause, advice=known.advice, node=known.node)]


def explained(check: Check) -> Check:
    """A failure with CUDA's own words gets their meaning: cause, advice, and whether another node may do."""
    known = meaning(check.cause) if check.status == BLOCK else None
    if known is None or not known.cause:
        return check
    row: Mapping[str, Any] = check.as_json()
    return Check(**{**row, "cause": f"{check.cause}: {known.cause}", "advice": known.advice, "node": known.node})


def facts_of(card: Card) -> Facts:
    """What the GPU says of itself."""

    def number(question: str, *arguments: Any) -> Any:
        try:
            return card.ask(question, *arguments).value
        except GoneError:
            return None

    attributes = number("nvmlDeviceGetAttributes_v2")
    return Facts(
        name=card.name,
        capability="{}.{}".format(*card.capability) if card.capability else "",
        sm=getattr(attributes, "multiprocessorCount", None),
        boost_mhz=number("nvmlDeviceGetMaxClockInfo", CLOCK_SM),
        memory_mhz=number("nvmlDeviceGetMaxClockInfo", CLOCK_MEMORY),
        bus_bits=number("nvmlDeviceGetMemoryBusWidth"),
    )
