"""What the driver counts while our own load runs: counters before and after, XIDs as they come, samples between.

Counters over a card's life say little; what they gained during these seconds says much.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

from mlops_ci.guest.health import xid
from mlops_ci.guest.health.card import Answer, Card, GoneError, unseen
from mlops_ci.guest.health.check import BLOCK, PASS, SKIP, WARN, Check
from mlops_ci.guest.health.static.all import lost
from mlops_ci.guest.health.static.links import judged_width

CORRECTED, VOLATILE = 0, 0
THERMAL = 1
XID_EVENT = 8
FATAL_PCIE, NON_FATAL_PCIE = 180, 179
NVLINK_REPLAY, NVLINK_RECOVERY = 52, 59
NVLINK_NEWER = (208, 215)
EVERY = 0.2
# A link at rest is slow to save power. Fewer looks than this may all have fallen between two parts of the load.
FEWEST_SAMPLES = 5
MOST_EVENTS = 64
TOTAL = "in all"
"""Ends the evidence of a counter: a later look compares with it."""


@dataclass
class Counters:
    """What is counted. Each is an answer: a driver that does not tell is not at zero."""

    corrected: Answer
    replays: Answer
    pcie_faults: Answer
    nvlink: Answer
    thermal_ns: Answer


@dataclass
class Samples:
    """What was seen between: the best PCI Express generation and width in so many looks."""

    count: int = 0
    generation: int = 0
    width: int = 0


class Watch:
    """Opened before the load; `checks` after it."""

    def __init__(self, card: Card) -> None:
        self._card = card
        # What the sampling thread asks is no step of the examination.
        self._quiet = replace(card, note=lambda _: None)
        self._events = self._register()
        self._before = read(card)
        self._samples = Samples()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="gpu-load", daemon=True)

    def start(self) -> None:
        """Begin to sample."""
        self._thread.start()

    def checks(self, *, loaded: bool) -> Iterator[Check]:
        """What the load showed; without a load only what came by itself is judged."""
        self._done.set()
        if self._thread.ident is not None:
            self._thread.join(1.0)
        try:
            after = read(self._card)
            yield self._live()
        except GoneError as gone:
            yield lost(gone)
            return
        yield from gained(self._card, self._before, after)
        if loaded:
            yield from self._under_load()

    def sample_once(self) -> None:
        """Take one sample."""
        card, samples = self._quiet, self._samples
        generation = card.ask("nvmlDeviceGetCurrPcieLinkGeneration")
        samples.count += 1
        samples.generation = max(samples.generation, int(generation.value or 0))
        samples.width = max(samples.width, int(card.ask("nvmlDeviceGetCurrPcieLinkWidth").value or 0))

    def _sample(self) -> None:
        while not self._done.wait(EVERY):
            try:
                self.sample_once()
            except Exception:
                return

    def _register(self) -> Answer:
        binding = self._card.binding
        try:
            events = binding.nvmlEventSetCreate()
            binding.nvmlDeviceRegisterEvents(self._card.handle, XID_EVENT, events)
        except Exception as error:
            return Answer(None, f"the driver reports no XIDs to this process: {error}")
        return Answer(events)

    def _live(self) -> Check:
        name = "xid.live"
        if not self._events.there:
            return Check(name, SKIP, cause=self._events.reason)
        codes: list[int] = []
        while len(codes) < MOST_EVENTS:
            try:
                event = self._card.binding.nvmlEventSetWait(self._events.value, 0)
            except self._card.binding.NVMLError:
                break
            codes.append(int(event.eventData))
        if not codes:
            return Check(name, PASS, 0, None, "XIDs")
        worst = max(codes, key=lambda code: xid.RANK[xid.rule_of(code)["verdict"]])
        return xid.judged(name, worst, len(set(codes)), f"raised during this check: {sorted(set(codes))}")

    def _under_load(self) -> Iterator[Check]:
        if not self._samples.count:
            yield Check("pcie.generation", SKIP, cause="the load was over before the driver could be asked")
            return
        yield self._generation()
        yield from self._width()

    def _width(self) -> Iterator[Check]:
        """A link that saves power may be narrow at rest: how wide it was under load counts."""
        top = self._card.ask("nvmlDeviceGetMaxPcieLinkWidth")
        if top.there and top.value and self._samples.width:
            yield judged_width(self._card.name, self._samples.width, int(top.value))

    def _generation(self) -> Check:
        best = self._samples.generation
        top = self._card.ask("nvmlDeviceGetMaxPcieLinkGeneration")
        if not top.there or not top.value or not best:
            return unseen("pcie.generation", Answer(None, top.reason or "the driver does not tell"))
        if best < top.value:
            if self._samples.count < FEWEST_SAMPLES:
                few = f"the driver could be asked only {self._samples.count} times while the load ran"
                return Check("pcie.generation", SKIP, best, top.value, cause=few)
            cause = f"PCI Express ran at generation {best} under load, slot and card can do {top.value}"
            advice = "Have the card seated again, and look at the board's settings."
            return Check("pcie.generation", WARN, best, top.value, "", cause, advice)
        return Check("pcie.generation", PASS, best, top.value)


def read(card: Card) -> Counters:
    """All counters now."""
    faults = [card.field_value(number) for number in (FATAL_PCIE, NON_FATAL_PCIE)]
    older = [card.field_value(number) for number in (NVLINK_REPLAY, NVLINK_RECOVERY)]
    links = older if any(one.there for one in older) else [card.field_value(number) for number in NVLINK_NEWER]
    violation = card.ask("nvmlDeviceGetViolationStatus", THERMAL)
    return Counters(
        corrected=card.ask("nvmlDeviceGetTotalEccErrors", CORRECTED, VOLATILE),
        replays=card.ask("nvmlDeviceGetPcieReplayCounter"),
        pcie_faults=_sum(faults),
        nvlink=_sum(links),
        thermal_ns=Answer(int(violation.value.violationTime)) if violation.there else violation,
    )


def gained(card: Card, before: Counters, after: Counters) -> Iterator[Check]:
    """A check for each counter that grew, or did not."""
    rules: tuple[tuple[str, str, str, str, str, str], ...] = (
        ("ecc.corrected", "corrected", "ecc.corrected.delta", "errors", WARN, "memory errors were corrected"),
        ("pcie.replays", "replays", "pcie.replays", "replays", WARN, "PCI Express packets were sent again"),
        ("pcie.errors", "pcie_faults", "", "errors", BLOCK, "PCI Express errors that were not corrected"),
        ("nvlink.errors", "nvlink", "nvlink.errors", "errors", BLOCK, "NVLink replays and recoveries"),
        ("throttle.heat", "thermal_ns", "throttle.thermal", "ns", WARN, "nanoseconds slowed down by heat"),
    )
    for name, key, limit_name, unit, status, words in rules:
        first, last = getattr(before, key), getattr(after, key)
        if not first.there or not last.there:
            yield unseen(name, first if not first.there else last)
            continue
        gain, limit = last.value - first.value, card.limit(limit_name) if limit_name else 0
        total = f"{last.value} {TOTAL}"
        if gain > limit:
            cause = f"{gain} {words} during this check"
            advice = "Have this GPU, its slot and its cooling looked at."
            yield Check(name, status, gain, limit, unit, cause, advice, node=status == BLOCK, evidence=total)
        else:
            yield Check(name, PASS, max(0, gain), limit, unit, evidence=total)


def total_of(check: Check) -> int | None:
    """What a counter stood at after the check; None for a check that is no counter."""
    number, _, words = check.evidence.partition(" ")
    return int(number) if words == TOTAL and number.isdigit() else None


def _sum(answers: list[Answer]) -> Answer:
    there = [one.value for one in answers if one.there]
    return Answer(sum(there)) if there else answers[0]
