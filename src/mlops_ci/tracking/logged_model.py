"""A LoggedModel for a run: MLflow's record of a model, holding only the small files that we give it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_ci.tracking.client import RUN_TAG
from mlops_ci.tracking.connection import Connection

READY = "READY"


def logged_model(
    connection: Connection, *, run: str, tracking_run_id: str, name: str, files: Path, tags: Mapping[str, str]
) -> str:
    """The id of the run's LoggedModel with the files below `files`, finished.

    One that a killed process left unfinished is found by its tag and finished: its files are written again.
    """
    experiment_id = connection.ask(
        "asking for the run", lambda client: str(client.get_run(tracking_run_id).info.experiment_id)
    )
    found = connection.ask(
        "recording the model",
        lambda client: _find_or_create(client, experiment_id, run, tracking_run_id, name, tags),
    )
    model_id = str(found.model_id)
    if str(found.status) != READY:
        connection.ask(
            "uploading the model's description", lambda client: client.log_model_artifacts(model_id, str(files))
        )
        connection.ask("finishing the model's record", lambda client: client.finalize_logged_model(model_id, READY))
    return model_id


def _find_or_create(
    client: Any, experiment_id: str, run: str, tracking_run_id: str, name: str, tags: Mapping[str, str]
) -> Any:
    found = client.search_logged_models([experiment_id], filter_string=f"tags.`{RUN_TAG}` = '{run}'")
    ours = [one for one in found if one.source_run_id == tracking_run_id]
    if ours:
        return min(ours, key=lambda one: (one.creation_timestamp, one.model_id))
    return client.create_logged_model(
        experiment_id, name=_model_name(name), source_run_id=tracking_run_id, tags=dict(tags), model_type="mlops-ci"
    )


def _model_name(name: str) -> str:
    """LoggedModel names may not hold these characters (MLflow 3.17, mlflow/utils/validation.py)."""
    return "".join("_" if character in "/:.%\"'" else character for character in name)
