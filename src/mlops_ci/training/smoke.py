"""What a smoke run has shown: judged by what the guest watched in the user's process, and by the metrics file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from mlops_ci.guest.spool import SpoolReader
from mlops_ci.records.smoke import SmokeCheck
from mlops_ci.settings.smoke import SmokeSettings

Status = Literal["PASS", "FAIL", "SKIP"]
Sums = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class OptimizerStates:
    """Sums of (parameters, memory) of one optimiser before its first step and after each."""

    start: Sums
    after: tuple[Sums, ...]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was watched in one start of the training; empty where it has no optimiser of torch."""

    steps: int = 0
    losses: tuple[float | None, ...] = ()
    bad_gradients: tuple[str, ...] = ()
    gradients: int = 0
    optimizers: tuple[OptimizerStates, ...] = field(default=())


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """The second start: what it saw, from which step the SDK resumed, and whether there was a checkpoint for it."""

    seen: Seen
    step: int | None
    had_checkpoint: bool


def read_seen(path: Path) -> Seen:
    """What the guest wrote; nothing where there is no such file or it cannot be understood."""
    try:
        raw: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Seen(
            steps=int(raw["steps"]),
            losses=tuple(None if one is None else float(one) for one in raw["losses"]),
            bad_gradients=tuple(map(str, raw["bad_gradients"])),
            gradients=int(raw["gradients"]),
            optimizers=tuple(
                OptimizerStates(start=_sums(one["start"]), after=tuple(map(_sums, one["after"])))
                for one in raw["optimizers"]
            ),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return Seen()


def logged(path: Path, metric: str) -> tuple[float | None, ...]:
    """The values of a metric in the metrics file, null for one that is not finite."""
    try:
        values = [point.values[metric] for point in SpoolReader(path).all(final=True) if metric in point.values]
    except OSError:
        return ()
    return tuple(value if math.isfinite(value) else None for value in values)


def judge(
    rule: SmokeSettings, seen: Seen, metric: Sequence[float | None], resumed: Resumed | None
) -> tuple[SmokeCheck, ...]:
    """The checks that are asked for, in their order. `metric` are the values of `[smoke] metric`."""
    found = {
        "loss": lambda: _loss(rule, seen, metric),
        "gradients": lambda: _gradients(seen),
        "checkpoint": lambda: _checkpoint(seen, resumed),
    }
    return tuple(SmokeCheck(id=name, status=status, why=why) for name in rule.checks for status, why in [found[name]()])


def _sums(raw: Sequence[str]) -> Sums:
    first, second = raw
    return str(first), str(second)


def _loss(rule: SmokeSettings, seen: Seen, metric: Sequence[float | None]) -> tuple[Status, str]:
    values = metric if rule.metric else seen.losses
    name = rule.metric or "the loss"
    if len(values) < 2:
        if rule.metric:
            return "FAIL", f"{name}: {len(values)} values were logged, and two are needed to see it move"
        return "SKIP", "no loss was seen: nothing called `backward()` on one value; name a logged one in [smoke] metric"
    bad = next((index for index, value in enumerate(values, 1) if value is None), None)
    if bad is not None:
        return "FAIL", f"{name} is not finite at step {bad}"
    known = [value for value in values if value is not None]
    share = max(1, len(known) // 4)
    begin, end = fmean(known[:share]), fmean(known[-share:])
    moved = end < begin if rule.goal == "min" or not rule.metric else end > begin
    word = "fell" if end < begin else ("rose" if end > begin else "did not move")
    return ("PASS" if moved else "FAIL"), f"{name} {word} from {begin:.4g} to {end:.4g} in {len(known)} steps"


def _gradients(seen: Seen) -> tuple[Status, str]:
    if not seen.optimizers:
        return "SKIP", "no optimiser of torch took a step in the first process"
    if seen.bad_gradients:
        more = " and more" if len(seen.bad_gradients) > 1 else ""
        return "FAIL", f"a gradient is not finite: {seen.bad_gradients[0]}{more}"
    if not seen.gradients:
        return (
            "FAIL",
            "no parameter of the optimiser ever had a gradient: is it the model's, and was backward() called?",
        )
    return "PASS", f"the gradients of {seen.gradients} parameters were finite in {seen.steps} steps"


def _checkpoint(seen: Seen, resumed: Resumed | None) -> tuple[Status, str]:
    if resumed is None or not resumed.had_checkpoint:
        return "SKIP", "no checkpoint was saved: an interrupted training would begin anew"
    said = "" if resumed.step is None else f"resumed from step {resumed.step}; "
    if not resumed.seen.optimizers:
        if resumed.step is None:
            return "FAIL", "there is a checkpoint, and the second start neither resumed by the SDK nor took a step"
        why = "nothing was left to train" if seen.optimizers else "no optimiser of torch"
        return "PASS", f"{said}the state itself was not compared: {why}"
    matches = list(_matches(seen, resumed.seen))
    for number, match in enumerate(matches):
        if match.problem:
            which = f" {number + 1}" if len(matches) > 1 else ""
            return "FAIL", f"{said}optimiser{which}: {match.problem}"
    return "PASS", f"{said}parameters and optimiser are, bit for bit, those after step {matches[0].step}"


@dataclass(frozen=True, kw_only=True)
class _Match:
    step: int = 0
    problem: str = ""


def _matches(first: Seen, second: Seen) -> Iterator[_Match]:
    """For each optimiser of the second start: after which step of the first one its state was the same."""
    for index, again in enumerate(second.optimizers):
        if index >= len(first.optimizers):
            yield _Match(problem="it is not one of the first start")
            continue
        yield _match(first.optimizers[index], again.start)


def _match(before: OptimizerStates, start: Sums) -> _Match:
    whole = [step for step, sums in enumerate(before.after, 1) if sums == start]
    if whole:
        return _Match(step=whole[-1])
    weights = [step for step, sums in enumerate(before.after, 1) if sums[0] == start[0]]
    if weights:
        return _Match(
            problem=f"its parameters are those after step {weights[-1]}, and what it remembers (moments, step counts) "
            "is not: is its state_dict saved, and loaded again?"
        )
    if start[0] == before.start[0]:
        return _Match(problem="the second start began from the beginning, although there is a checkpoint")
    return _Match(
        problem="its parameters are those of no step of the first start: is all of the state saved and loaded?"
    )
