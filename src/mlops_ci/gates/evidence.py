"""How sure the difference between two models is, from their predictions on the same examples."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlops_ci.gates.binned import bootstrap_mean
from mlops_ci.gates.constants import constants
from mlops_ci.gates.metric import Goal, show
from mlops_ci.gates.predictions import Paired
from mlops_ci.gates.statistics import (
    Counts,
    Unit,
    bootstrap_counts,
    bootstrap_units,
    mcnemar,
    percentile_interval,
)


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A metric that can be computed from predictions: `value` of a mean loss over examples, and which way is better.

    `hit` measures are means of 0/1 outcomes; the others of `loss(target, prediction)`. `slope` is that of `value`.
    """

    name: str
    goal: Goal
    scale: float = 1.0
    loss: Callable[[float, float], float] | None = None
    value: Callable[[float], float] = float
    slope: Callable[[float], float] = lambda _: 1.0


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Sorted bootstrap gains in the metric's unit, their two-sided interval, and one line that explains them."""

    gain: float
    gains: Sequence[float]
    interval: tuple[float, float]
    why: str


MEASURES = (
    Measure(name="accuracy", goal="max"),
    Measure(name="accuracy in percent", goal="max", scale=100.0),
    Measure(name="error rate", goal="min"),
    Measure(name="error rate in percent", goal="min", scale=100.0),
    Measure(name="mean absolute error", goal="min", loss=lambda target, guess: abs(target - guess)),
    Measure(name="mean squared error", goal="min", loss=lambda target, guess: (target - guess) ** 2),
    Measure(
        name="root mean squared error",
        goal="min",
        loss=lambda target, guess: (target - guess) ** 2,
        value=math.sqrt,
        slope=lambda mean: 0.5 / math.sqrt(mean) if mean else 0.0,
    ),
)


def recognise(paired: Paired, *, challenger: float, champion: float, goal: Goal) -> Measure | None:
    """The measure that gives both reported values from the predictions; None when no measure does.

    An interval of one metric says nothing about another, so a metric that is not recognised gets none.
    """
    for measure in MEASURES:
        if measure.goal != goal:
            continue
        computed = values(measure, paired)
        if computed is not None and _near(computed[0], challenger) and _near(computed[1], champion):
            return measure
    return None


def weigh(measure: Measure, paired: Paired) -> Evidence:
    """The evidence for the challenger under a measure that `recognise` gave (or on a slice of the same examples)."""
    return _weigh_hits(measure, paired) if measure.loss is None else _weigh_losses(measure, paired)


def _weigh_hits(measure: Measure, paired: Paired) -> Evidence:
    counts = _counts(paired)
    numbers = constants()
    gains = [measure.scale * gain for gain in bootstrap_counts(counts, resamples=numbers.resamples, seed=numbers.seed)]
    return Evidence(
        gain=measure.scale * counts.gain,
        gains=gains,
        interval=percentile_interval(gains, numbers.confidence),
        why=f"of {counts.rows} examples only the challenger has {counts.better} right, only the champion {counts.worse}"
        f" (exact McNemar test: p = {mcnemar(counts):.3g})",
    )


def _weigh_losses(measure: Measure, paired: Paired) -> Evidence:
    challenger, champion = _losses(measure, paired) or ([], [])
    numbers = constants()
    rows = len(challenger)
    means = math.fsum(challenger) / rows, math.fsum(champion) / rows
    gain = measure.value(means[1]) - measure.value(means[0])
    if rows <= numbers.units:
        units = [Unit(challenger=ours, champion=theirs) for ours, theirs in zip(challenger, champion, strict=True)]
        gains = bootstrap_units(
            units,
            lambda ours, theirs: measure.value(theirs / rows) - measure.value(ours / rows),
            resamples=numbers.resamples,
            seed=numbers.seed,
        )
        how = ""
    else:
        ours, theirs = (measure.slope(mean) for mean in means)
        # What each row adds to the gain: exactly so for a mean, and for its root as good as, with so many rows.
        shares = [
            gain + theirs * (theirs_loss - means[1]) - ours * (ours_loss - means[0])
            for ours_loss, theirs_loss in zip(challenger, champion, strict=True)
        ]
        gains = bootstrap_mean(shares, resamples=numbers.resamples, seed=numbers.seed)
        how = ", in bins (error below 0.1 percentage points of confidence)"
    return Evidence(
        gain=gain,
        gains=gains,
        interval=percentile_interval(gains, numbers.confidence),
        why=f"{measure.name} over {rows} examples{how}",
    )


def values(measure: Measure, paired: Paired) -> tuple[float, float] | None:
    """The metric of challenger and champion on these examples; None when they have no numbers that it needs."""
    rows = len(paired.pairs)
    if measure.loss is None:
        hits = paired.hits()
        shares = [sum(one[index] for one in hits) / rows for index in (0, 1)]
        first, second = (share if measure.goal == "max" else 1 - share for share in shares)
        return measure.scale * first, measure.scale * second
    losses = _losses(measure, paired)
    if losses is None:
        return None
    return measure.value(math.fsum(losses[0]) / rows), measure.value(math.fsum(losses[1]) / rows)


def _losses(measure: Measure, paired: Paired) -> tuple[list[float], list[float]] | None:
    if measure.loss is None or paired.numbers is None:
        return None
    loss = measure.loss
    try:
        return (
            [loss(target, ours) for target, ours, _ in paired.numbers],
            [loss(target, theirs) for target, _, theirs in paired.numbers],
        )
    except OverflowError:
        return None


def _counts(paired: Paired) -> Counts:
    hits = paired.hits()
    better = sum(ours and not theirs for ours, theirs in hits)
    worse = sum(theirs and not ours for ours, theirs in hits)
    return Counts(better=better, worse=worse, same=len(hits) - better - worse)


def _near(computed: float, reported: float) -> bool:
    return math.isclose(computed, reported, rel_tol=constants().match, abs_tol=1e-12)


def describe_interval(interval: Sequence[float]) -> str:
    """`95 % interval -0.01 to 0.02` for people."""
    return f"{constants().confidence:.0%} interval {show(interval[0])} to {show(interval[1])}".replace("%", " %")
