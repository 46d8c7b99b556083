"""The table `[project]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mlops_ci.settings.marks import Example
from mlops_ci.settings.table import Table
from mlops_ci.settings.words import Name


@dataclass(frozen=True, kw_only=True)
class ProjectSettings(Table):
    """What this repository is called."""

    name: Annotated[Name | None, Example("digits")] = None
    """Name of the project: of the MLflow experiment, the registered model and the image. Default: the folder's name."""
