"""The decision: may the challenger replace the champion?

The rule, in this order: a metric that can't be used is no verdict at all (`MetricUnusableError`); a missed floor is
`reject`; without a champion the floors alone decide, or a human where that is asked; a champion that can't be loaded,
scores on different data, and other classes than the champion's are `review`; a challenger that is not better (with a
margin: worse by more than that), does not reach the minimum effect, or is worse in a further metric is `keep`; a slice
on which it is clearly worse, and a further metric that the champion has not, is `review`; else `promote`. Intervals
inform the reader, they do not decide unless asked to: with a few hundred examples hardly any model would pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlops_ci.gates import also
from mlops_ci.gates.change import Scores, change_gate
from mlops_ci.gates.classes import classes_gate
from mlops_ci.gates.errors import PredictionsUnusableError
from mlops_ci.gates.evidence import Measure, recognise, weigh
from mlops_ci.gates.metric import at_least, gain, show, usable
from mlops_ci.gates.predictions import Paired, Row, pair
from mlops_ci.gates.slices import slice_gates
from mlops_ci.records.evaluate import Champion, Classes, Gate, Verdict
from mlops_ci.settings.evaluate import EvaluateSettings


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The verdict, every gate that led to it, and the one line that says why."""

    verdict: Verdict
    gates: tuple[Gate, ...]
    why: str


def decide(
    rule: EvaluateSettings,
    *,
    challenger: Mapping[str, float],
    champion: Champion | None,
    champion_metrics: Mapping[str, float] | None,
    same_data: bool,
    predictions: tuple[Sequence[Row], Sequence[Row]] | None = None,
    classes: Classes | None = None,
    unloadable: str | None = None,
) -> Decision:
    """Hold the challenger's metrics against the floor and the champion.

    `champion_metrics` are the champion's, scored again on the challenger's data; without them the champion's recorded
    metrics count if `same_data`. `predictions` are the rows of both models (challenger, champion) on that data.
    `classes` are the challenger's and its data's; `unloadable` says why the champion could not be scored.
    Raises `MetricUnusableError` and `PredictionsUnusableError` (exit code 4) when the comparison can't be made.
    """
    if rule.metric is None:
        return _without_metric(rule, champion)
    value = usable(challenger, rule.metric, "challenger")
    gates = [Gate(id=f"finite.{rule.metric}", verdict="pass", value=value, why="a finite number")]
    gates.extend(_limits(rule, rule.metric, value, challenger))
    missed = next((gate for gate in gates if gate.verdict == "fail"), None)
    if missed is not None:
        return Decision(verdict="reject", gates=tuple(gates), why=missed.why)
    if champion is None:
        return _first(rule, gates, "its floor holds" if rule.floor is not None else "no floor is set")
    if unloadable is not None:
        gates.append(Gate(id="champion", verdict="review", why=unloadable))
        return Decision(verdict="review", gates=tuple(gates), why=unloadable)
    metrics = champion_metrics if champion_metrics is not None else champion.metrics
    if champion_metrics is None and not same_data:
        gates.append(_other_data(rule, rule.metric, value, champion))
        return Decision(verdict="review", gates=tuple(gates), why=gates[-1].why)
    theirs = usable(metrics, rule.metric, "champion")
    scores = Scores(metric=rule.metric, challenger=value, champion=theirs)
    paired, measure = _recognised(rule, scores, predictions)
    evidence = weigh(measure, paired) if paired is not None and measure is not None else None
    gates.extend(classes_gate(rule, classes, champion))
    unrecognised = paired is not None and measure is None
    gates.append(change_gate(rule, scores, champion.version, evidence, unrecognised=unrecognised))
    gates.extend(also.changes(rule.also, challenger, metrics, champion.version))
    gates.extend(_slices(rule, scores, paired, measure))
    return _verdict(gates)


def _first(rule: EvaluateSettings, gates: Sequence[Gate], held: str) -> Decision:
    """The first-run rule."""
    why = f"the first model, there is no champion yet; {held}"
    if rule.no_champion == "promote":
        return Decision(verdict="promote", gates=tuple(gates), why=why)
    asked = Gate(id="champion", verdict="review", why=f"{why}; `no-champion` asks a human")
    return Decision(verdict="review", gates=(*gates, asked), why=asked.why)


def _without_metric(rule: EvaluateSettings, champion: Champion | None) -> Decision:
    hint = "no `[evaluate] metric` is set"
    gate = Gate(id="metric", verdict="skip" if champion is None else "review", why=f"{hint}: nothing was compared")
    if champion is None:
        return _first(rule, (gate,), hint)
    return Decision(verdict="review", gates=(gate,), why=f"{hint}, so a human has to compare the models")


def _limits(rule: EvaluateSettings, metric: str, value: float, challenger: Mapping[str, float]) -> Iterator[Gate]:
    """The floor, and where it holds the limits of further metrics."""
    if rule.floor is not None:
        floor = _floor(rule, metric, value, rule.floor)
        yield floor
        if floor.verdict == "fail":
            return
    yield from also.limits(rule.also, challenger)


def _floor(rule: EvaluateSettings, metric: str, value: float, floor: float) -> Gate:
    signed = gain(value, floor, rule.goal)
    held = at_least(signed, 0.0, value, floor)
    word = {("max", True): "reaches", ("max", False): "is below"}.get((rule.goal, held))
    word = word or ("does not exceed" if held else "is above")
    limit = "floor" if rule.goal == "max" else "ceiling"
    return Gate(
        id=f"floor.{metric}",
        verdict="pass" if held else "fail",
        value=value,
        limit=floor,
        why=f"{metric} {show(value)} {word} the {limit} {show(floor)}",
    )


def _other_data(rule: EvaluateSettings, metric: str, value: float, champion: Champion) -> Gate:
    recorded = champion.metrics.get(metric)
    known = f" (it had {show(recorded)} there)" if isinstance(recorded, int | float) else ""
    return Gate(
        id=f"change.{metric}",
        verdict="review",
        value=None,
        limit=0.0 - rule.margin,
        why=f"{metric} {show(value)} can't be held against champion version {champion.version}{known}: it was scored "
        "on other data; an `[evaluate] command` would score both on the same",
    )


def _recognised(
    rule: EvaluateSettings, scores: Scores, predictions: tuple[Sequence[Row], Sequence[Row]] | None
) -> tuple[Paired | None, Measure | None]:
    if predictions is None:
        return None, None
    paired = pair(*predictions)
    return paired, recognise(paired, challenger=scores.challenger, champion=scores.champion, goal=rule.goal)


def _slices(rule: EvaluateSettings, scores: Scores, paired: Paired | None, measure: Measure | None) -> tuple[Gate, ...]:
    """The slice gates that are asked for; one that can't be evaluated is an error, never a pass."""
    if not rule.slices:
        return ()
    if paired is None:
        raise PredictionsUnusableError(
            "`[evaluate] slices` is set, but there is no predictions.csv of both models",
            hint="let the `[evaluate] command` write predictions.csv, or remove `slices`",
        )
    if measure is None:
        raise PredictionsUnusableError(
            f"`{scores.metric}` can't be told apart by slices: predictions.csv does not give its values "
            f"({show(scores.challenger)} and {show(scores.champion)})",
            hint="slices work for accuracy, error rate, and absolute or squared error; check the metric's goal too",
        )
    return slice_gates(paired, rule.slices, metric=scores.metric, measure=measure, margin=rule.margin)


def _verdict(gates: Sequence[Gate]) -> Decision:
    """Changed classes before all: then the numbers may mean something else. The change, further metrics, the slices."""
    change = next(gate for gate in gates if gate.id.startswith("change."))
    changed = next((gate for gate in gates if gate.id == "classes" and gate.verdict == "review"), None)
    if changed is not None:
        return Decision(verdict="review", gates=tuple(gates), why=f"{changed.why}; {change.why}")
    failed = next((gate for gate in gates if gate.verdict == "fail"), None)
    if failed is not None:
        return Decision(verdict="keep", gates=tuple(gates), why=failed.why)
    doubtful = [gate for gate in gates if gate.verdict == "review"]
    if doubtful:
        more = f" (and {len(doubtful) - 1} more slices)" if len(doubtful) > 1 else ""
        return Decision(verdict="review", gates=tuple(gates), why=doubtful[0].why + more)
    return Decision(verdict="promote", gates=tuple(gates), why=change.why)
