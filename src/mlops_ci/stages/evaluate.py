"""The stage evaluate: the new model against the champion, on the same data."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlops_ci.errors import GateError, UncheckedError
from mlops_ci.files import regular_files
from mlops_ci.gates.also import calibration_error
from mlops_ci.gates.decide import decide
from mlops_ci.gates.predictions import Row, read_predictions
from mlops_ci.records.codec import to_json
from mlops_ci.records.evaluate import Champion, EvaluateOutputs
from mlops_ci.records.train import TrainOutputs
from mlops_ci.stages import champion, prepared
from mlops_ci.stages.image import image
from mlops_ci.stages.jobs import JobSpec, fresh, run_job
from mlops_ci.stages.lineage import trained_params
from mlops_ci.stages.result import Result
from mlops_ci.stages.session import Session
from mlops_ci.tracking.registry import ChampionVersion
from mlops_ci.training.task import command_task

METRICS = "metrics.json"
PREDICTIONS = "predictions.csv"


class ScoreMissingError(UncheckedError):
    """The evaluate command left no usable metrics."""


class RejectedError(GateError):
    """The model misses a floor."""

    def __init__(self, why: str, outputs: EvaluateOutputs) -> None:
        super().__init__(why, hint="train longer or better, or lower the floor in [evaluate]; nothing was published")
        self.outputs = outputs


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a model reached on the evaluation data."""

    metrics: Mapping[str, float]
    predictions: tuple[Row, ...] | None = None


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
    defender = score_champion(session, rule.command, reigning) if rule.command is not None else None
    same_data = reigning is not None and reigning.tags.get("mlops.data") == data_digest(session)
    decision = decide(
        rule,
        challenger=new.metrics,
        champion=_champion(session, reigning, None),
        champion_metrics=defender.metrics if defender else None,
        same_data=same_data or _no_data(session, reigning),
        predictions=(new.predictions, defender.predictions)
        if defender and new.predictions and defender.predictions
        else None,
    )
    for gate in decision.gates:
        session.console.say(f"{'✓' if gate.verdict == 'pass' else '-'} {gate.id}: {gate.verdict} {gate.why}".rstrip())
    session.console.say(f"verdict: {decision.verdict}: {decision.why}")
    outputs = EvaluateOutputs(
        verdict=decision.verdict,
        champion=_champion(session, reigning, defender),
        gates=decision.gates,
        metrics=finite(new),
        why=decision.why,
    )
    if decision.verdict == "reject":
        raise RejectedError(decision.why, outputs)
    return Result(outputs=outputs)


def _champion(session: Session, reigning: ChampionVersion | None, score: Score | None) -> Champion | None:
    """The champion with its metrics on today's data where it was scored on it, else as they were recorded."""
    if reigning is None:
        return None
    return Champion(
        name=session.settings.model,
        version=reigning.version,
        metrics=score.metrics if score is not None else reigning.metrics,
        data_digest=data_digest(session) if score is not None else reigning.tags.get("mlops.data"),
    )


def data_digest(session: Session) -> str | None:
    """The digest of the data that this run evaluates on."""
    prepare = session.run.record("prepare")
    return prepare.outputs.get("data_digest") if prepare is not None else None


def _no_data(session: Session, reigning: ChampionVersion | None) -> bool:
    """Neither run was given data by us: what the script reads is part of its code and image, as far as we can see."""
    return reigning is not None and reigning.tags.get("mlops.data") is None and data_digest(session) is None


def score_champion(session: Session, command: str, reigning: ChampionVersion | None) -> Score | None:
    """The champion on today's data; its files are verified before they are loaded."""
    if reigning is None:
        return None
    files = champion.files(session)
    if files is None:
        return None
    return _score(session, command, "champion", files)


def job(session: Session, folder: Path, command: str, model: Path) -> JobSpec:
    """The job that scores a model, in `folder`."""
    tables = session.settings.tables
    mounts: dict[str, tuple[Path, bool]] = {"model": (model, True), "output": (fresh(folder / "output"), False)}
    dataset = prepared.folder(session)
    if dataset is not None:
        mounts["data"] = (dataset, True)
    return JobSpec(
        stage="evaluate",
        folder=folder,
        task=command_task(
            run=session.run.id,
            stage="evaluate",
            commands=(command,),
            timeout=tables.evaluate.timeout,
            settings=replace(tables.train, params=trained_params(session)),
        ),
        mounts=mounts,
        gpus=session.gpus if tables.evaluate.on == "gpu" else 0,
        network=tables.train.network,
    )


def challenger(session: Session) -> Score:
    """What the new model reached: by the command where one is configured, else as the training said it."""
    rule = session.settings.tables.evaluate
    if rule.command is None:
        return Score(metrics=session.run.outputs("train", TrainOutputs).metrics)
    return _score(session, rule.command, "challenger", session.run.path("train", "model"))


def finite(score: Score) -> dict[str, float]:
    """The metrics that a record can hold."""
    return {name: value for name, value in score.metrics.items() if math.isfinite(value)}


def _score(session: Session, command: str, who: str, model: Path) -> Score:
    folder = session.run.path("evaluate", who)
    spec = job(session, folder, command, model)
    output = spec.mounts["output"][0]
    with session.console.quiet():
        took = run_job(session, spec, image(session, "evaluate")).seconds
    shutil.rmtree(folder / "work", ignore_errors=True)
    found = output / PREDICTIONS
    predictions = read_predictions(found) if found.is_file() else None
    made = {"model_bytes": float(sum(path.stat().st_size for path in regular_files(model))), "evaluate_seconds": took}
    if predictions is not None and (error := calibration_error(predictions)) is not None:
        made["ece"] = error
    wanted = session.settings.tables.evaluate.also
    own = {name: value for name, value in made.items() if name in wanted}
    score = Score(metrics={**own, **_metrics(output)}, predictions=predictions)
    session.console.say(f"{who}: " + ", ".join(f"{name} {value:.6g}" for name, value in sorted(score.metrics.items())))
    return score


def _metrics(output: Path) -> dict[str, float]:
    """The numbers in `metrics.json`. A non-finite one stays, for the gate that needs it to refuse."""
    path = output / METRICS
    hint = f"write {{'name': number, ...}} as JSON into {METRICS} in {{output}} (MLOPS_OUTPUT_DIR)"
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ScoreMissingError(f"the evaluate command left no readable {METRICS}: {error}", hint=hint) from error
    if not isinstance(data, dict):
        raise ScoreMissingError(f"{METRICS} holds a {type(data).__name__}, not an object", hint=hint)
    numbers = {
        str(name): float(value)
        for name, value in data.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    if not numbers:
        raise ScoreMissingError(f"{METRICS} holds no number", hint=hint)
    return numbers
