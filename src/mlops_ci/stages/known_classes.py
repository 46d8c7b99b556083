"""The classes that are known of a model: those that it says it knows, and those of the data that it was judged on."""

from __future__ import annotations

import json
from pathlib import Path

from mlops_ci.gates import classes
from mlops_ci.publishing.manifest import Manifest
from mlops_ci.records.codec import RecordFormatError, from_json
from mlops_ci.records.evaluate import Classes
from mlops_ci.settings.evaluate import EvaluateSettings
from mlops_ci.stages.scores import Score

CONFIG = "config.json"


def of_challenger(model: Path, rule: EvaluateSettings, score: Score) -> Classes | None:
    """The classes that the new model says it knows, and those of the data."""
    value = score.metrics.get(rule.metric) if rule.metric is not None else None
    rows = score.predictions
    data = classes.of_data(rows, value=value, goal=rule.goal) if rows is not None else None
    known = Classes(model=_of_model(model), data=data)
    return None if known == Classes(model=None, data=None) else known


def of_champion(model: Path, manifest: Manifest) -> Classes | None:
    """The champion's: what its files say, and what its own evaluation found in the data of that time."""
    try:
        then = from_json(Classes, manifest.evaluation.get("classes"), "classes")
    except RecordFormatError:
        then = Classes(model=None, data=None)
    known = Classes(model=_of_model(model), data=then.data)
    return None if known == Classes(model=None, data=None) else known


def _of_model(folder: Path) -> tuple[str, ...] | None:
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return classes.of_model(config) if isinstance(config, dict) else None
