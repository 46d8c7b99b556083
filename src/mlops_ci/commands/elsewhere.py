"""What makes images where no container engine does, as the settings name it."""

from __future__ import annotations

from mlops_ci.engines.select import Elsewhere
from mlops_ci.settings.settings import Settings


def elsewhere(settings: Settings) -> Elsewhere:
    """The builder and the registry of `[image]`."""
    image = settings.tables.image
    return Elsewhere(builder=image.builder, registry=image.registry)


def engine_for_images(asked: str, settings: Settings) -> str:
    """The engine for a command that only looks at images: another builder's are no matter of this machine's engine."""
    return "docker" if asked == "auto" and settings.tables.image.without_engine else asked
