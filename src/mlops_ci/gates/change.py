"""The gate of the metric that decides: is the challenger better, or with a margin at least not worse?"""

from __future__ import annotations

from dataclasses import dataclass

from mlops_ci.gates.errors import PredictionsUnusableError
from mlops_ci.gates.evidence import Evidence, describe_interval
from mlops_ci.gates.metric import above, at_least, gain, show
from mlops_ci.records.evaluate import Gate
from mlops_ci.settings.evaluate import EvaluateSettings

MARGIN_HINT = "`margin` would let such a model replace it"


@dataclass(frozen=True, kw_only=True)
class Scores:
    """The deciding metric of both models on the same data."""

    metric: str
    challenger: float
    champion: float


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """`better`: by how much the challenger is better. `lower`: what of it must hold, the same or the interval's end."""

    rule: EvaluateSettings
    scores: Scores
    better: float
    lower: float

    @property
    def needed(self) -> float:
        """The gain that is asked for; without a margin and a minimum effect, any above 0."""
        return self.rule.min_effect or 0.0 - self.rule.margin

    @property
    def held(self) -> bool:
        """Whether the challenger may replace the champion as far as this metric goes."""
        if self.rule.min_effect or self.rule.margin:
            return self.reaches(self.needed, self.lower)
        return above(self.lower, 0.0, self.scores.challenger, self.scores.champion)

    def reaches(self, limit: float, value: float) -> bool:
        """`value >= limit` at the size of the metric's values."""
        return at_least(value, limit, self.scores.challenger, self.scores.champion)


def change_gate(
    rule: EvaluateSettings, scores: Scores, version: str, evidence: Evidence | None, *, unrecognised: bool
) -> Gate:
    """The gate; raises `PredictionsUnusableError` when an interval is to decide and there is none."""
    better = gain(scores.challenger, scores.champion, rule.goal)
    if rule.by == "interval" and evidence is None:
        raise PredictionsUnusableError(
            '`[evaluate] by = "interval"` is set, and there is no interval of this metric',
            hint="let the `[evaluate] command` write predictions.csv that gives the metric's values, or remove `by`",
        )
    lower = evidence.interval[0] if rule.by == "interval" and evidence is not None else better
    judged = _Judged(rule=rule, scores=scores, better=better, lower=lower)
    said = f"{scores.metric} {show(scores.challenger)} against {show(scores.champion)} (version {version})"
    why = f"{_words(judged)}: {said}"
    if evidence is not None:
        why += f"; {describe_interval(evidence.interval)}; {evidence.why}"
    elif unrecognised:
        why += "; no interval: predictions.csv does not give this metric's values"
    return Gate(
        id=f"change.{scores.metric}",
        verdict="pass" if judged.held else "fail",
        value=better,
        limit=0.0 + judged.needed,
        interval=evidence.interval if evidence is not None else None,
        why=why,
    )


def _words(judged: _Judged) -> str:
    if judged.rule.min_effect:
        word = "at least" if judged.held else "and not certainly" if judged.better > 0 else "not"
        return f"better by {show(judged.better)}, {word} the minimum effect of {show(judged.rule.min_effect)}"
    worse = not judged.reaches(0.0, judged.better)
    if judged.rule.margin:
        return _within(judged, worse=worse)
    if worse:
        return f"worse than the champion by {show(-judged.better)}"
    if not above(judged.better, 0.0, judged.scores.challenger, judged.scores.champion):
        return f"equal to the champion, which stays ({MARGIN_HINT})"
    return f"better than the champion by {show(judged.better)}" + ("" if judged.held else ", and not surely so")


def _within(judged: _Judged, *, worse: bool) -> str:
    """The words of a non-inferiority margin."""
    if not worse:
        return "not worse than the champion" + ("" if judged.held else ", and not surely so")
    where = "within" if judged.held else "beyond"
    return f"worse than the champion by {show(-judged.better)}, {where} the margin of {show(judged.rule.margin)}"
