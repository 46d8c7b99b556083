"""A second champion in a real model registry, without a second training."""

from __future__ import annotations

from mlflow import MlflowClient


def promoted_again(uri: str, model: str) -> MlflowClient:
    """Version 1 once more, as version 2, which is the champion now; a client to ask how things stand."""
    client = MlflowClient(tracking_uri=uri)
    first = client.get_model_version(model, "1")
    logged = first.source.removeprefix("models:/")
    second = client.create_model_version(
        model, source=first.source, run_id=first.run_id, tags=first.tags, model_id=logged
    )
    client.set_registered_model_alias(model, "previous_champion", "1")
    client.set_registered_model_alias(model, "champion", second.version)
    return client
