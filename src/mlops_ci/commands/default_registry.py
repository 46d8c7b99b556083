"""The registry that a CI system brings along."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_ci.images.naming import check_registry
from mlops_ci.settings.settings import Settings

DEFAULT_REGISTRY = "MLOPS_CI_DEFAULT_REGISTRY"


def default_registry(settings: Settings, engine: str, environ: Mapping[str, str]) -> str | None:
    """The CI system's own registry, where the settings name none and there are images to keep in one."""
    given = environ.get(DEFAULT_REGISTRY)
    builds = engine == "docker" or (engine == "inside" and settings.tables.image.builder)
    if not given or not builds or settings.tables.image.registry:
        return None
    # Repositories may have capital letters, names of images may not.
    return check_registry(given.lower())
