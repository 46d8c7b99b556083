"""The table `[tracking]`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TrackingSettings:
    """MLflow."""

    uri: str | None = None
    """Address of the MLflow server. Default: a server of our own on SQLite in `.mlops/mlflow`, started and stopped by the run. Credentials come from MLFLOW_TRACKING_USERNAME, _PASSWORD or _TOKEN."""
    experiment: str | None = None
    """Name of the experiment. Default: the project's name."""
