"""Sides held against the first: differences, and how sure they are where the predictions of both were kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_ci.gates.constants import constants
from mlops_ci.gates.errors import PredictionsUnusableError
from mlops_ci.gates.evidence import Measure, recognise, values, weigh
from mlops_ci.gates.metric import Goal
from mlops_ci.gates.predictions import Paired, pair
from mlops_ci.reporting.side_by_side import Comparison, Difference, Row
from mlops_ci.stages.side import Known

# A column with more values than this tells no slices apart: it is an id or a number.
MOST_VALUES = 12
GOALS: tuple[Goal, ...] = ("max", "min")
DATA = "data sha256"


@dataclass(frozen=True, kw_only=True)
class _Pairing:
    """A side's predictions beside the first's; None where they cannot be held against each other."""

    paired: Paired | None
    note: str = ""


def compare(sides: Sequence[Known]) -> Comparison:
    """The comparison; what could not be compared is among its notes."""
    first = sides[0]
    pairings = [_pairing(one, first) for one in sides]
    names = list(dict.fromkeys(name for one in sides for name in one.side.metrics))
    metrics = tuple(_metric(name, sides, pairings) for name in names)
    notes = [note for one in sides for note in one.notes]
    notes += [one.note for one in pairings[1:] if one.note]
    notes += [_other_data(one, first) for one in sides[1:] if _other_data(one, first)]
    return Comparison(
        sides=tuple(one.side for one in sides),
        metrics=metrics,
        slices=_slices(names, sides, pairings),
        notes=tuple(notes),
    )


def _pairing(one: Known, first: Known) -> _Pairing:
    if one.predictions is None or first.predictions is None:
        return _Pairing(paired=None)
    try:
        return _Pairing(paired=pair(one.predictions, first.predictions))
    except PredictionsUnusableError as error:
        cause = error.cause.replace("challenger and champion", f"{one.side.name} and {first.side.name}")
        return _Pairing(paired=None, note=f"no intervals and no slices: {cause}")


def _other_data(one: Known, first: Known) -> str:
    theirs, ours = one.side.lineage.get(DATA), first.side.lineage.get(DATA)
    if theirs == ours:
        return ""
    return f"{one.side.name} and {first.side.name} were scored on different data: a difference says little"


def _measure(name: str, one: Known, first: Known, paired: Paired | None) -> Measure | None:
    """The measure that gives this metric from the predictions of both sides."""
    ours, theirs = one.side.metrics.get(name), first.side.metrics.get(name)
    if paired is None or ours is None or theirs is None:
        return None
    tried = (recognise(paired, challenger=ours, champion=theirs, goal=goal) for goal in GOALS)
    return next((measure for measure in tried if measure is not None), None)


def _metric(name: str, sides: Sequence[Known], pairings: Sequence[_Pairing]) -> Row:
    first = sides[0]
    differences: list[Difference | None] = [None]
    for one, pairing in zip(sides[1:], pairings[1:], strict=True):
        ours, theirs = one.side.metrics.get(name), first.side.metrics.get(name)
        if ours is None or theirs is None:
            differences.append(None)
            continue
        measure = _measure(name, one, first, pairing.paired)
        interval = _interval(measure, pairing.paired) if measure is not None and pairing.paired is not None else None
        differences.append(Difference(value=ours - theirs, interval=interval))
    return Row(name=name, values=tuple(one.side.metrics.get(name) for one in sides), differences=tuple(differences))


def _interval(measure: Measure, paired: Paired) -> tuple[float, float]:
    """The interval of the difference itself: evidence counts what is better as positive, whichever way that is."""
    low, high = weigh(measure, paired).interval
    return (low, high) if measure.goal == "max" else (-high, -low)


def _slices(names: Sequence[str], sides: Sequence[Known], pairings: Sequence[_Pairing]) -> tuple[Row, ...]:
    """The first metric that the predictions give, on each slice. A side without usable predictions has none."""
    found = _recognised(names, sides, pairings)
    if found is None:
        return ()
    name, measures = found
    base = next(
        one.paired for one, measure in zip(pairings, measures, strict=True) if measure is not None and one.paired
    )
    return tuple(
        row
        for column in _columns(sides, base)
        for value in base.slices(column)
        if (row := _slice(f"{name} where {column} is {value}", column, value, pairings, measures)) is not None
    )


def _recognised(
    names: Sequence[str], sides: Sequence[Known], pairings: Sequence[_Pairing]
) -> tuple[str, list[Measure | None]] | None:
    for name in names:
        measures = [_measure(name, one, sides[0], pairing.paired) for one, pairing in zip(sides, pairings, strict=True)]
        if sum(measure is not None for measure in measures) >= 2:
            return name, measures
    return None


def _columns(sides: Sequence[Known], base: Paired) -> list[str]:
    """The columns that the runs' own gates used, else those with few values."""
    there = base.pairs[0].columns
    asked = [name for name in dict.fromkeys(name for one in sides for name in one.slices) if name in there]
    return asked or [name for name in there if 1 < len({pair.columns[name] for pair in base.pairs}) <= MOST_VALUES]


def _slice(
    name: str, column: str, value: str, pairings: Sequence[_Pairing], measures: Sequence[Measure | None]
) -> Row | None:
    numbers: list[float | None] = []
    differences: list[Difference | None] = []
    rows = 0
    for index, (pairing, measure) in enumerate(zip(pairings, measures, strict=True)):
        part = _part(pairing.paired, column, value) if measure is not None else None
        computed = values(measure, part) if measure is not None and part is not None else None
        if part is None or measure is None or computed is None:
            numbers.append(None)
            differences.append(None)
            continue
        rows = len(part.pairs)
        numbers.append(computed[0])
        sure = rows >= constants().smallest
        differences.append(
            Difference(value=computed[0] - computed[1], interval=_interval(measure, part) if sure else None)
            if index
            else None
        )
    return Row(name=name, values=tuple(numbers), differences=tuple(differences), rows=rows) if rows else None


def _part(paired: Paired | None, column: str, value: str) -> Paired | None:
    """The examples of one slice; the columns are the side's own, which may lack this one."""
    if paired is None or column not in paired.pairs[0].columns:
        return None
    return paired.slices(column).get(value)
