"""The champion on fresh data: is it still as good as at its promotion? Nothing is trained, published or moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_ci.errors import GateError, UsageError
from mlops_ci.gates.metric import at_least, gain, show, usable
from mlops_ci.records.codec import to_json
from mlops_ci.records.evaluate import Champion, EvaluateOutputs, Gate
from mlops_ci.settings.settings import Tables
from mlops_ci.stages import champion, evaluate, scores
from mlops_ci.stages.result import Result, skipped
from mlops_ci.stages.runner import StageCode, run_left_out, run_stage
from mlops_ci.stages.sequence import CODE, page_of_failure
from mlops_ci.stages.session import Session

WANTED = ("plan", "build", "prepare", "evaluate")
LEFT_OUT = "evaluate only: the champion is scored, nothing is trained or published"


class NotScoreableError(UsageError):
    """The settings do not say how the champion is scored."""


class DecayedError(GateError):
    """The champion is worse on fresh data than at its promotion, by more than the margin."""

    def __init__(self, why: str, outputs: EvaluateOutputs) -> None:
        super().__init__(why, hint="train on the new data (`mlops-ci run --mode nightly`), or look what the data shows")
        self.outputs = outputs


@dataclass(frozen=True, kw_only=True)
class Decay:
    """The comparison: `gate` says how it ended."""

    gate: Gate

    @property
    def held(self) -> bool:
        """Whether the champion is as good as it was, up to the margin."""
        return self.gate.verdict == "pass"


def run_decay(session: Session) -> int:
    """All stages: those that the scoring needs run, the others are recorded as left out, and there is a page."""
    _require_rule(session.settings.tables)
    session.warm_tracking()
    for name, code in CODE.items():
        if name == "evaluate":
            record = run_stage(session, name, StageCode(inputs=_inputs, run=_run))
        elif name in WANTED or name == "report":
            record = run_stage(session, name, code)
        else:
            record = run_left_out(session, name, LEFT_OUT)
        if record.status == "failed":
            page_of_failure(session, record, again="mlops-ci nightly decay")
            return record.exit_code
    return 0


def compare(tables: Tables, *, before: Mapping[str, float], now: Mapping[str, float], version: str) -> Decay:
    """The champion's metric now against that of its promotion. Raises `MetricUnusableError` (exit code 4)."""
    rule = tables.evaluate
    name = _require_rule(tables)
    margin = rule.margin if tables.nightly.decay_margin is None else tables.nightly.decay_margin
    then, today = usable(before, name, "champion"), usable(now, name, "champion")
    change = gain(today, then, rule.goal)
    held = at_least(change, -margin, today, then)
    word = "is not worse" if at_least(change, 0.0, today, then) else f"is worse by {show(-change)}"
    within = f", {'within' if held else 'beyond'} the margin of {show(margin)}" if change < 0 and margin else ""
    why = f"{name} of version {version} {word}{within}: {show(today)} now, {show(then)} at its promotion"
    return Decay(
        gate=Gate(id=f"decay.{name}", verdict="pass" if held else "fail", value=change, limit=0.0 - margin, why=why)
    )


def _require_rule(tables: Tables) -> str:
    rule = tables.evaluate
    if rule.command is None or rule.metric is None:
        raise NotScoreableError(
            "the champion cannot be scored: [evaluate] names no command or no metric",
            hint="set [evaluate] command and metric: the command is run with the champion's files and today's data",
        )
    return rule.metric


def _inputs(session: Session) -> Mapping[str, Any]:
    """Another evaluation than that of a training: it is never taken for one."""
    prepare = session.run.record("prepare")
    return {
        "decay": to_json(session.settings.tables.evaluate),
        "margin": session.settings.tables.nightly.decay_margin,
        "data": prepare.outputs.get("data_digest") if prepare is not None else None,
    }


def _run(session: Session) -> Result:
    reigning = champion.current(session)
    if reigning is None:
        return skipped(f"there is no champion of {session.settings.model} yet: nothing to score")
    tables = session.settings.tables
    assert tables.evaluate.command is not None  # noqa: S101  # for the type checker: run_decay has looked
    score = scores.score_champion(session, tables.evaluate.command, reigning)
    assert score is not None  # noqa: S101  # for the type checker: there is a champion
    found = compare(tables, before=reigning.metrics, now=score.metrics, version=reigning.version)
    same = reigning.tags.get("mlops.data") == evaluate.data_digest(session)
    why = found.gate.why + (" (on the very data of its promotion)" if same else "")
    session.console.say(f"decay: {why}")
    outputs = EvaluateOutputs(
        verdict="keep",
        champion=Champion(
            name=session.settings.model,
            version=reigning.version,
            metrics=reigning.metrics,
            data_digest=reigning.tags.get("mlops.data"),
        ),
        gates=(found.gate,),
        metrics=dict(score.metrics),
        why=why,
    )
    if not found.held:
        raise DecayedError(why, outputs)
    return Result(outputs=outputs, reason=why)
