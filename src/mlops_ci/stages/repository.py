"""The files of the user's repository that a scan names as the places of what it found."""

from __future__ import annotations

from mlops_ci.scanning.places import Sources
from mlops_ci.settings.settings import Settings


def sources(settings: Settings) -> Sources:
    """The files of the repository that say what is in the image."""
    root, image = settings.root, settings.tables.image
    top = next((one for one in (root, *root.parents) if (one / ".git").exists()), root)
    prefix = root.relative_to(top).as_posix()
    return Sources(
        root=root,
        prefix="" if prefix == "." else prefix,
        config=settings.file.name if settings.file is not None else "mlops.toml",
        requirements=image.requirements,
        extra=image.extra,
        dockerfile=image.dockerfile,
    )
