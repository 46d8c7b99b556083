"""One side of a comparison: from a run's directory, or from what was published of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlops_ci.gates.errors import PredictionsUnusableError
from mlops_ci.gates.predictions import Predictions, read_predictions
from mlops_ci.publishing.manifest import Manifest, read_manifest
from mlops_ci.records.evaluate import EvaluateOutputs
from mlops_ci.redaction import MASK, is_secret_name
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.format import size
from mlops_ci.reporting.lineage import top_image
from mlops_ci.reporting.metrics import read_metrics
from mlops_ci.reporting.side_by_side import Side
from mlops_ci.run.run import open_run, run_ids
from mlops_ci.stages.artifact_names import LATEST, Address, locate
from mlops_ci.stages.premises import Premises
from mlops_ci.stages.same import FILE as SETTINGS
from mlops_ci.stages.scores import PREDICTIONS

METRICS = "metrics.jsonl"
MODEL = "model/"
# What is read of a published metrics file: beyond this nobody waits for a curve.
LARGEST_METRICS = 200_000_000


@dataclass(frozen=True, kw_only=True)
class Known:
    """A side, and what the comparison alone needs: the kept predictions, and the columns that name slices."""

    side: Side
    predictions: Predictions | None = None
    slices: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def known(premises: Premises, address: Address) -> Known:
    """What is known of a run or model. A run that is here is read here; else what was published is asked for."""
    runs = premises.workspace.runs
    if address.run is not None and (address.run == LATEST or address.run in run_ids(runs)):
        return of_run(open_run(runs, address.run).folder, address.text)
    found = locate(premises, address)
    manifest = read_manifest(premises.store, found.manifest, sha256=found.sha256)
    run = str(manifest.lineage.get("run") or "")
    if run in run_ids(runs):
        here = of_run(runs / run, address.text)
        side = replace(here.side, model=manifest.model, version=found.version or here.side.version)
        return replace(here, side=side)
    return _published(premises, manifest, address.text, found.version)


def of_run(folder: Path, name: str) -> Known:
    """What a run's directory says; raises nothing for what it does not."""
    data = ReportData.read(folder)
    out = data.outputs
    image = top_image(data)
    predictions, notes = _predictions(folder / "evaluate" / "challenger" / "output" / PREDICTIONS, name)
    published = out.publish.model if out.publish else None
    line = data.info.lineage
    side = Side(
        name=name,
        run=data.info.run,
        model=published.name if published else None,
        version=published.version if published else None,
        verdict=out.evaluate.verdict if out.evaluate else None,
        metrics=dict(out.evaluate.metrics if out.evaluate else out.train.metrics if out.train else {}),
        curves=data.metrics,
        lineage=_known(
            {
                "commit": line.commit,
                "code sha256": line.code_sha256,
                "uncommitted changes": line.diff_sha256,
                "configuration sha256": line.config_sha256,
                "data sha256": (out.prepare.data_digest if out.prepare else None) or line.data_sha256,
                "seed": line.seed,
                "extra packages sha256": line.extra_sha256,
                "image content key": image[1].content_key if image else None,
                "image digest": image[1].digest if image else None,
                "engine": data.info.engine,
                "variant": data.info.variant,
            }
        ),
        params=_params(_object(folder / "train" / "job" / "task.json").get("params")),
        settings={str(key): str(value) for key, value in _object(folder / SETTINGS).items()},
        seconds={stage: record.seconds for stage, record in data.records.items()},
        image_bytes=image[1].bytes if image else None,
        model_bytes=sum(ref.bytes for ref in out.train.model) if out.train and out.train.model else None,
    )
    wrong = tuple(f"{name}: {problem}" for problem in data.problems)
    return Known(side=side, predictions=predictions, slices=_columns(out.evaluate), notes=(*wrong, *notes))


def _published(premises: Premises, manifest: Manifest, name: str, version: str | None) -> Known:
    line = manifest.lineage
    image = line.get("image")
    image = image if isinstance(image, Mapping) else {}
    verdict = manifest.evaluation.get("verdict")
    side = Side(
        name=name,
        run=str(line.get("run") or ""),
        model=manifest.model,
        version=version,
        verdict=str(verdict) if verdict else None,
        metrics={metric: value for metric, value in manifest.metrics.items() if value is not None},
        lineage=_known(
            {
                "commit": line.get("commit"),
                "code sha256": line.get("code_sha256"),
                "uncommitted changes": line.get("diff_sha256"),
                "configuration sha256": line.get("config_sha256"),
                "data sha256": line.get("data_sha256"),
                "seed": line.get("seed"),
                "extra packages sha256": line.get("extra_sha256"),
                "image content key": image.get("content_key"),
                "image digest": image.get("digest"),
                "engine": line.get("engine"),
                "variant": line.get("variant"),
            }
        ),
        params=_params(line.get("params")),
        model_bytes=sum(file.bytes for file in manifest.files if file.name.startswith(MODEL)) or None,
    )
    return _with_curves(premises, manifest, Known(side=side))


def _with_curves(premises: Premises, manifest: Manifest, found: Known) -> Known:
    file = next((one for one in manifest.files if one.name == METRICS), None)
    name = found.side.name
    if file is None:
        return found
    if file.bytes > LARGEST_METRICS:
        return replace(found, notes=(f"{name}: its {METRICS} ({size(file.bytes)}) is too large for curves here",))
    with TemporaryDirectory(prefix="mlops-compare-") as folder:
        path = Path(folder, METRICS)
        premises.store.download(file.key, path, sha256=file.sha256)
        curves, problems = read_metrics(path, METRICS)
    notes = tuple(f"{name}: {problem}" for problem in problems)
    return replace(found, side=replace(found.side, curves=curves), notes=notes)


def _predictions(path: Path, name: str) -> tuple[Predictions | None, tuple[str, ...]]:
    if not path.is_file():
        return None, ()
    try:
        return read_predictions(path), ()
    except PredictionsUnusableError as error:
        return None, (f"{name}: {error.cause}",)


def _columns(evaluated: EvaluateOutputs | None) -> tuple[str, ...]:
    """The columns by which the run's own gates told slices apart."""
    gates = evaluated.gates if evaluated is not None else ()
    names = (gate.id.removeprefix("slice.").partition("=")[0] for gate in gates if gate.id.startswith("slice."))
    return tuple(dict.fromkeys(names))


def _known(facts: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in facts.items() if value not in {None, ""}}


def _params(found: Any) -> dict[str, str]:
    if not isinstance(found, Mapping):
        return {}
    return {str(key): MASK if is_secret_name(str(key)) else str(value) for key, value in found.items()}


def _object(path: Path) -> Mapping[str, Any]:
    """A JSON object in a file of the run; nothing where there is none."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
