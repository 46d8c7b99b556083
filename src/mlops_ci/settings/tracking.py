"""The table `[tracking]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mlops_ci.settings.marks import Example, Stricter
from mlops_ci.settings.table import Table
from mlops_ci.settings.words import Address, Text


@dataclass(frozen=True, kw_only=True)
class TrackingSettings(Table):
    """MLflow, where runs, metrics and model versions are written down."""

    uri: Annotated[Address | None, Example("https://mlflow.example"), Stricter("listed-or-unset")] = None
    """Address of the MLflow server. Default: a server of our own on SQLite in `.mlops/mlflow`, started and stopped by
    the run. Credentials come from MLFLOW_TRACKING_USERNAME, _PASSWORD or _TOKEN."""
    experiment: Annotated[Text | None, Example("digits")] = None
    """Name of the experiment. Default: the project's name."""
