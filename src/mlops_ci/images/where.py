"""Which place keeps the images of a project."""

from __future__ import annotations

from pathlib import Path

from mlops_ci.console import Console
from mlops_ci.images.lookup import configured_ca_bundle
from mlops_ci.images.store import ImageStore
from mlops_ci.settings.settings import Settings


def image_store(settings: Settings, *, cache: Path, console: Console) -> ImageStore:
    """The registry where another builder pushes to it; else the engine, which then holds what is pushed."""
    if settings.tables.image.without_engine:
        from mlops_ci.images.registry_store import RegistryStore

        return RegistryStore(cache=cache, ca_bundle=configured_ca_bundle(settings))
    from mlops_ci.images.engine_store import EngineStore

    return EngineStore(console=console)
