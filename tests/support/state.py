"""The final state of a run, as far as it must not depend on what was killed on the way."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from mlops_ci.publishing.inventory import orphans
from mlops_ci.publishing.verify import verify
from mlops_ci.run.run import open_run
from mlops_ci.stores.base import Store


def final_state(project: Path, run_id: str, store: Store, tracking_uri: str) -> dict[str, Any]:
    """Statuses, verdict, metrics, the model's digest, and counts of MLflow runs, versions, objects and problems."""
    run = open_run(project / ".mlops" / "runs", run_id)
    records = run.records()
    outputs = {name: record.outputs for name, record in records.items()}
    manifest = json.loads(store.get_bytes(outputs["publish"]["manifest"]["key"]))
    kept = {one["name"]: one["sha256"] for one in manifest["files"] if one["name"].startswith("model/")}
    return {
        "statuses": {name: record.status for name, record in records.items()},
        "verdict": outputs["evaluate"]["verdict"],
        "metrics": outputs["evaluate"]["metrics"],
        "model": kept,
        "manifest problems": verify(store, outputs["publish"]["manifest"]["key"]),
        "orphans": len(orphans(store)),
        **_tracked(run_id, outputs, tracking_uri),
    }


def _tracked(run_id: str, outputs: dict[str, Any], uri: str) -> dict[str, Any]:
    client = MlflowClient(tracking_uri=uri)
    experiments = [one.experiment_id for one in client.search_experiments()]
    runs = client.search_runs(experiments, filter_string=f"tags.`mlops.run` = '{run_id}'")
    name = outputs["publish"]["model"]["name"]
    versions = [one for one in client.search_model_versions(f"name = '{name}'") if one.tags.get("mlops.run") == run_id]
    history = client.get_metric_history(outputs["train"]["tracking"]["run_id"], "loss")
    return {
        "mlflow runs": len(runs),
        "mlflow status": runs[0].info.status if runs else None,
        "versions": len(versions),
        "champion": client.get_model_version_by_alias(name, "champion").tags.get("mlops.run") == run_id,
        "points per step": sorted(set(Counter(point.step for point in history).values())),
        "steps": sorted({point.step for point in history}),
    }
