"""The decision: may the challenger replace the champion?

The rule, in this order: a metric that can't be used is no verdict at all (`MetricUnusableError`); a missed floor is
`reject`; without a champion the floors alone decide (first-run rule); scores on different data are `review`; a
challenger that is worse by more than the margin, does not reach the minimum effect, or is worse in a further metric is
`keep`; a slice on which it is clearly worse, and a further metric that the champion has not, is `review`; else
`promote`. Intervals inform the reader, they do not decide unless asked to: with a few hundred examples hardly any model
would pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlops_ci.gates import also
from mlops_ci.gates.errors import PredictionsUnusableError
from mlops_ci.gates.evidence import Evidence, Measure, describe_interval, recognise, weigh
from mlops_ci.gates.metric import at_least, gain, show, usable
from mlops_ci.gates.predictions import Paired, Row, pair
from mlops_ci.gates.slices import slice_gates
from mlops_ci.records.evaluate import Champion, Gate, Verdict
from mlops_ci.settings.evaluate import EvaluateSettings


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The verdict, every gate that led to it, and the one line that says why."""

    verdict: Verdict
    gates: tuple[Gate, ...]
    why: str


@dataclass(frozen=True, kw_only=True)
class _Scores:
    """The deciding metric of both models on the same data."""

    metric: str
    challenger: float
    champion: float


def decide(
    rule: EvaluateSettings,
    *,
    challenger: Mapping[str, float],
    champion: Champion | None,
    champion_metrics: Mapping[str, float] | None,
    same_data: bool,
    predictions: tuple[Sequence[Row], Sequence[Row]] | None = None,
) -> Decision:
    """Hold the challenger's metrics against the floor and the champion.

    `champion_metrics` are the champion's, scored again on the challenger's data; without them the champion's recorded
    metrics count if `same_data`. `predictions` are the rows of both models (challenger, champion) on that data.
    Raises `MetricUnusableError` and `PredictionsUnusableError` (exit code 4) when the comparison can't be made.
    """
    if rule.metric is None:
        return _without_metric(champion)
    value = usable(challenger, rule.metric, "challenger")
    gates = [Gate(id=f"finite.{rule.metric}", verdict="pass", value=value, why="a finite number")]
    if rule.floor is not None:
        gates.append(_floor(rule, rule.metric, value, rule.floor))
        if gates[-1].verdict == "fail":
            return Decision(verdict="reject", gates=tuple(gates), why=gates[-1].why)
    gates.extend(also.limits(rule.also, challenger))
    missed = next((gate for gate in gates if gate.verdict == "fail"), None)
    if missed is not None:
        return Decision(verdict="reject", gates=tuple(gates), why=missed.why)
    if champion is None:
        floors = "its floor holds" if rule.floor is not None else "no floor is set"
        return Decision(
            verdict="promote", gates=tuple(gates), why=f"the first model, there is no champion yet; {floors}"
        )
    metrics = champion_metrics if champion_metrics is not None else champion.metrics
    if champion_metrics is None and not same_data:
        gates.append(_other_data(rule, rule.metric, value, champion))
        return Decision(verdict="review", gates=tuple(gates), why=gates[-1].why)
    theirs = usable(metrics, rule.metric, "champion")
    scores = _Scores(metric=rule.metric, challenger=value, champion=theirs)
    paired, measure = _recognised(rule, scores, predictions)
    evidence = weigh(measure, paired) if paired is not None and measure is not None else None
    gates.append(_change(rule, scores, champion, evidence, unrecognised=paired is not None and measure is None))
    gates.extend(also.changes(rule.also, challenger, metrics, champion.version))
    gates.extend(_slices(rule, scores, paired, measure))
    return _verdict(gates)


def _without_metric(champion: Champion | None) -> Decision:
    hint = "no `[evaluate] metric` is set"
    gate = Gate(id="metric", verdict="skip" if champion is None else "review", why=f"{hint}: nothing was compared")
    if champion is None:
        return Decision(verdict="promote", gates=(gate,), why=f"the first model, there is no champion yet; {hint}")
    return Decision(verdict="review", gates=(gate,), why=f"{hint}, so a human has to compare the models")


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


def _change(
    rule: EvaluateSettings, scores: _Scores, champion: Champion, evidence: Evidence | None, *, unrecognised: bool
) -> Gate:
    better = gain(scores.challenger, scores.champion, rule.goal)
    if rule.by == "interval" and evidence is None:
        raise PredictionsUnusableError(
            '`[evaluate] by = "interval"` is set, and there is no interval of this metric',
            hint="let the `[evaluate] command` write predictions.csv that gives the metric's values, or remove `by`",
        )
    needed = rule.min_effect or -rule.margin
    judged = evidence.interval[0] if rule.by == "interval" and evidence is not None else better
    held = at_least(judged, needed, scores.challenger, scores.champion)
    margin = f"the margin of {show(rule.margin)}"
    if rule.min_effect:
        least = f"the minimum effect of {show(rule.min_effect)}"
        verdict = (
            f"better by {show(better)}, {'at least' if held else 'and not certainly' if better > 0 else 'not'} {least}"
        )
    elif not held and better >= 0:
        verdict = "not worse than the champion, and not surely so"
    elif not held:
        verdict = f"worse than the champion by {show(-better)}" + (f", beyond {margin}" if rule.margin else "")
    elif at_least(better, 0.0, scores.challenger, scores.champion):
        verdict = "not worse than the champion"
    else:
        verdict = f"worse than the champion by {show(-better)}, within {margin}"
    said = f"{scores.metric} {show(scores.challenger)} against {show(scores.champion)} (version {champion.version})"
    why = f"{verdict}: {said}"
    if evidence is not None:
        why += f"; {describe_interval(evidence.interval)}; {evidence.why}"
    elif unrecognised:
        why += "; no interval: predictions.csv does not give this metric's values"
    return Gate(
        id=f"change.{scores.metric}",
        verdict="pass" if held else "fail",
        value=better,
        limit=0.0 + needed,
        interval=evidence.interval if evidence is not None else None,
        why=why,
    )


def _recognised(
    rule: EvaluateSettings, scores: _Scores, predictions: tuple[Sequence[Row], Sequence[Row]] | None
) -> tuple[Paired | None, Measure | None]:
    if predictions is None:
        return None, None
    paired = pair(*predictions)
    return paired, recognise(paired, challenger=scores.challenger, champion=scores.champion, goal=rule.goal)


def _slices(
    rule: EvaluateSettings, scores: _Scores, paired: Paired | None, measure: Measure | None
) -> tuple[Gate, ...]:
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
    """The change gate, those of further metrics, and after them the slices'."""
    change = next(gate for gate in gates if gate.id.startswith("change."))
    failed = next((gate for gate in gates if gate.verdict == "fail"), None)
    if failed is not None:
        return Decision(verdict="keep", gates=tuple(gates), why=failed.why)
    doubtful = [gate for gate in gates if gate.verdict == "review"]
    if doubtful:
        more = f" (and {len(doubtful) - 1} more slices)" if len(doubtful) > 1 else ""
        return Decision(verdict="review", gates=tuple(gates), why=doubtful[0].why + more)
    return Decision(verdict="promote", gates=tuple(gates), why=change.why)
