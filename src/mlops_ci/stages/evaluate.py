"""The stage evaluate: the new model against the champion, on the same data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_ci.errors import GateError, MlopsError, UncheckedError, UserCodeError
from mlops_ci.gates.decide import decide
from mlops_ci.records.codec import to_json
from mlops_ci.records.evaluate import Champion, Classes, EvaluateOutputs
from mlops_ci.settings.evaluate import EvaluateSettings
from mlops_ci.stages import champion
from mlops_ci.stages.known_classes import of_challenger, of_champion
from mlops_ci.stages.result import Result
from mlops_ci.stages.scores import Score, ScoreMissingError, challenger, finite, score_champion
from mlops_ci.stages.session import Session
from mlops_ci.tracking.registry import ChampionVersion
from mlops_ci.training.outcome import JobError


class RejectedError(GateError):
    """The model misses a floor."""

    def __init__(self, why: str, outputs: EvaluateOutputs) -> None:
        super().__init__(why, hint="train longer or better, or lower the floor in [evaluate]; nothing was published")
        self.outputs = outputs


class ChampionUnloadableError(UncheckedError):
    """The evaluate command failed on the champion, or the champion's files are gone, so nothing could be compared."""

    def __init__(self, why: str, error: MlopsError) -> None:
        gone = isinstance(error, champion.ChampionUnreadableError)
        first = error.hint if gone and error.hint else "make the command load it too"
        hint = f'{first}; or set [evaluate] unloadable-champion = "review": then a human decides'
        super().__init__(why, hint=hint, details=error.details)


@dataclass(frozen=True, kw_only=True)
class _Defender:
    """What became of the champion: its score, why it could not be had, and its classes."""

    score: Score | None = None
    unloadable: str | None = None
    classes: Classes | None = None


def inputs(session: Session) -> Mapping[str, Any]:
    """The training that is judged, and the rule."""
    train = session.run.record("train")
    return {
        "train": train.fingerprint if train is not None else None,
        "evaluate": to_json(session.settings.tables.evaluate),
        "code": session.resolution.code_sha256,
    }


def run(session: Session) -> Result:
    """Score both models where a command is configured, else take the training's own metrics; then decide."""
    rule = session.settings.tables.evaluate
    reigning = champion.current(session)
    new = challenger(session)
    found = _defender(session, rule, reigning)
    same_data = reigning is not None and reigning.tags.get("mlops.data") == data_digest(session)
    known = of_challenger(session.run.path("train", "model"), rule, new)
    decision = decide(
        rule,
        challenger=new.metrics,
        champion=_champion(session, reigning, found, scored=False),
        champion_metrics=found.score.metrics if found.score else None,
        same_data=same_data or _no_data(session, reigning),
        predictions=(new.predictions, found.score.predictions)
        if found.score and new.predictions and found.score.predictions
        else None,
        classes=known,
        unloadable=found.unloadable,
    )
    for gate in decision.gates:
        session.console.say(f"{'✓' if gate.verdict == 'pass' else '-'} {gate.id}: {gate.verdict} {gate.why}".rstrip())
    session.console.say(f"verdict: {decision.verdict}: {decision.why}")
    outputs = EvaluateOutputs(
        verdict=decision.verdict,
        champion=_champion(session, reigning, found, scored=True),
        gates=decision.gates,
        metrics=finite(new),
        why=decision.why,
        classes=known,
    )
    if decision.verdict == "reject":
        raise RejectedError(decision.why, outputs)
    return Result(outputs=outputs)


def _defender(session: Session, rule: EvaluateSettings, reigning: ChampionVersion | None) -> _Defender:
    """The champion on today's data. One that can't be loaded is no verdict, unless a human is to decide then."""
    if rule.command is None or reigning is None:
        return _Defender()
    try:
        score = score_champion(session, rule.command, reigning)
    except (champion.ChampionUnreadableError, ScoreMissingError, JobError) as error:
        if isinstance(error, JobError) and error.exit_code != UserCodeError.exit_code:
            raise
        why = f"champion version {reigning.version} can't be loaded and scored: {error.cause}"
        if rule.unloadable_champion == "error":
            raise ChampionUnloadableError(why, error) from error
        return _Defender(unloadable=why)
    files = session.run.path("champion")
    manifest = champion.manifest(session, reigning)
    return _Defender(score=score, classes=of_champion(files / "model", manifest))


def _champion(session: Session, reigning: ChampionVersion | None, found: _Defender, *, scored: bool) -> Champion | None:
    """The champion with its metrics on today's data where it was `scored` on it, else as they were recorded."""
    if reigning is None:
        return None
    score = found.score if scored else None
    return Champion(
        name=session.settings.model,
        version=reigning.version,
        metrics=score.metrics if score is not None else reigning.metrics,
        data_digest=data_digest(session) if score is not None else reigning.tags.get("mlops.data"),
        classes=found.classes,
    )


def data_digest(session: Session) -> str | None:
    """The digest of the data that this run evaluates on."""
    prepare = session.run.record("prepare")
    return prepare.outputs.get("data_digest") if prepare is not None else None


def _no_data(session: Session, reigning: ChampionVersion | None) -> bool:
    """Neither run was given data by us: what the script reads is part of its code and image, as far as we can see."""
    return reigning is not None and reigning.tags.get("mlops.data") is None and data_digest(session) is None
