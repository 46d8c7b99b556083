"""The trees that are scanned: an image, the chained environments of the host engine, or what we run in ourselves."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mlops_ci.engines.inside_image import image_python, in_container, interpreter, mounted
from mlops_ci.records.build import BuiltImage
from mlops_ci.scanning.findings import ScanTarget
from mlops_ci.stages.session import Session

# Kept by the kernel, or for the time of a boot: no image brings them.
KERNEL = ("/proc", "/sys", "/dev", "/run")


def targets(session: Session, images: Mapping[str, BuiltImage], top: str) -> tuple[ScanTarget, ...]:
    """What must be scanned for these images."""
    if session.image_engine == "docker":
        return (ScanTarget(kind="image", ref=images[top].ref, name=top),)
    if session.image_engine == "inside":
        return (_around_us(session, top),)
    return tuple(
        ScanTarget(kind="environment", ref=image.ref.removeprefix("env:"), name=name) for name, image in images.items()
    )


def lasting(session: Session) -> bool:
    """Whether what was read of these trees holds as long as their keys do: programs change what they run in."""
    return session.image_engine != "inside"


def _around_us(session: Session, name: str) -> ScanTarget:
    """The container's root file system; outside of a container, no more than the packages that jobs can import."""
    if in_container(os.environ):
        return ScanTarget(kind="root", ref="/", name=name, skipped=_beside_the_image(session))
    return ScanTarget(kind="environment", ref=image_python(interpreter()).folder, name=name)


def _beside_the_image(session: Session) -> tuple[str, ...]:
    """Folders that the job brought: volumes, the repository, the cache, temporary files, the tool's own environment."""
    ours = (
        session.settings.root,
        session.workspace.cache,
        Path(tempfile.gettempdir()),
        *(() if _is_the_images_own() else (Path(sys.prefix),)),
    )
    found = {*KERNEL, *mounted(), *(str(path.resolve()) for path in ours)} - {"/"}
    return tuple(sorted(found))


def _is_the_images_own() -> bool:
    """Whether this tool is installed in the image, and not beside it by a CI job."""
    return Path(sys.prefix).resolve() in {Path("/usr"), Path("/usr/local"), interpreter().parent.parent.resolve()}
