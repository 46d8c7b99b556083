"""Slice gates: is the challenger clearly worse on a part of the examples, although not on the whole?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_ci.gates.constants import constants
from mlops_ci.gates.evidence import Evidence, Measure, describe_interval, weigh
from mlops_ci.gates.metric import ROUNDING, show
from mlops_ci.gates.predictions import Paired
from mlops_ci.gates.statistics import holm, share_at_least
from mlops_ci.records.evaluate import Gate


@dataclass(frozen=True, kw_only=True)
class Slice:
    """The examples whose `column` holds `value`; the metric's name goes into the gate's id."""

    column: str
    value: str
    paired: Paired
    metric: str

    @property
    def gate(self) -> str:
        """The id of its gate."""
        return f"slice.{self.column}={self.value}.{self.metric}"


def slice_gates(
    paired: Paired, columns: Sequence[str], *, metric: str, measure: Measure, margin: float
) -> tuple[Gate, ...]:
    """One gate for each value of each column.

    `review` where the challenger is worse than the champion by more than `margin` beyond chance, all slices judged
    together (Holm); `skip` where a slice is too small to say. Raises `PredictionsUnusableError` for an unknown column.
    """
    numbers = constants()
    slices = [
        Slice(column=column, value=value, paired=part, metric=metric)
        for column in columns
        for value, part in paired.slices(column).items()
    ]
    judged = [one for one in slices if len(one.paired.pairs) >= numbers.smallest]
    evidence = [weigh(measure, one.paired) for one in judged]
    p_values = [share_at_least(one.gains, -margin - ROUNDING) for one in evidence]
    worse = holm(p_values, numbers.level)
    found = {one.gate: _gate(one, said, bad, margin) for one, said, bad in zip(judged, evidence, worse, strict=True)}
    return tuple(found.get(one.gate) or _too_small(one) for one in slices)


def _gate(one: Slice, evidence: Evidence, worse: bool, margin: float) -> Gate:
    verdict = "clearly worse than the champion" if worse else "not clearly worse than the champion"
    return Gate(
        id=one.gate,
        verdict="review" if worse else "pass",
        value=evidence.gain,
        limit=0.0 - margin,
        interval=evidence.interval,
        why=f"{verdict} where {one.column} is {one.value!r}: {show(evidence.gain)} better, "
        f"{describe_interval(evidence.interval)}; {evidence.why}",
    )


def _too_small(one: Slice) -> Gate:
    rows = len(one.paired.pairs)
    return Gate(
        id=one.gate,
        verdict="skip",
        why=f"{rows} example{'s' if rows > 1 else ''} where {one.column} is {one.value!r}: "
        f"fewer than {constants().smallest} say too little",
    )
