"""The labels of an image: what it is, what it was made from, by whom. None of them is part of its layers or its key."""

from __future__ import annotations

import re
from pathlib import Path

from mlops_ci import process
from mlops_ci.images import content_key, naming
from mlops_ci.images.base_image import BaseImage
from mlops_ci.images.catalogue import Variant
from mlops_ci.images.plan import LayerPlan, owner
from mlops_ci.process import ProgramMissingError
from mlops_ci.settings.settings import Settings
from mlops_ci.version import version

OCI = "org.opencontainers.image"
UNKNOWN = "unknown"
CREDENTIALS = re.compile(r"(://)[^/@\s]+@")


def labels(settings: Settings, plan: LayerPlan, variant: Variant, base: BaseImage | None) -> dict[str, str]:
    """The labels of one layer's image. `base` is the external image at the very bottom."""
    whose = owner(settings, plan.name)
    source, revision = _origin(settings.root) if whose else (f"pkg:pypi/mlops-ci@{version()}", version())
    found = {
        content_key.LABEL: plan.content_key,
        "io.mlops-ci.layer": plan.name,
        "io.mlops-ci.variant": variant.name,
        "io.mlops-ci.torch": variant.torch,
        "io.mlops-ci.cuda": variant.cuda.version if variant.cuda else "none",
        f"{OCI}.title": f"{whose or 'mlops-ci'} {plan.name}",
        f"{OCI}.version": naming.tag(plan.content_key),
        f"{OCI}.source": source,
        f"{OCI}.revision": revision,
    }
    if base is not None:
        found |= {f"{OCI}.base.name": base.name, f"{OCI}.base.digest": base.digest}
    return found


def _origin(root: Path) -> tuple[str, str]:
    """Where the project's repository comes from, without credentials, and its commit."""
    remote = CREDENTIALS.sub(r"\1", _git(root, "remote", "get-url", "origin"))
    return remote, _git(root, "rev-parse", "HEAD")


def _git(root: Path, *words: str) -> str:
    try:
        finished = process.run(["git", "-C", root, *words], check=False, timeout=20)
    except ProgramMissingError:
        return UNKNOWN
    return finished.stdout.strip() if finished.exit_code == 0 and finished.stdout.strip() else UNKNOWN
