"""Scores a model by the `[evaluate] command`, or takes what the training said of it."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mlops_ci.errors import UncheckedError
from mlops_ci.files import regular_files
from mlops_ci.gates.also import calibration_error
from mlops_ci.gates.predictions import Row, read_predictions
from mlops_ci.records.train import TrainOutputs
from mlops_ci.stages import champion, prepared
from mlops_ci.stages.image import image
from mlops_ci.stages.jobs import JobSpec, fresh, run_job
from mlops_ci.stages.lineage import trained_params
from mlops_ci.stages.session import Session
from mlops_ci.tracking.registry import ChampionVersion
from mlops_ci.training.task import command_task

METRICS = "metrics.json"
PREDICTIONS = "predictions.csv"


class ScoreMissingError(UncheckedError):
    """The evaluate command left no usable metrics."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a model reached on the evaluation data."""

    metrics: Mapping[str, float]
    predictions: tuple[Row, ...] | None = None


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
