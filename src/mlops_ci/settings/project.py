"""The table `[project]`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ProjectSettings:
    """What this repository is called."""

    name: str = ""
    """Name of the project: of the MLflow experiment, the registered model and the image. Default: the folder's name."""
