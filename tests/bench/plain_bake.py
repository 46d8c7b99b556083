"""The same images as one would build them by hand: one bake file with linked targets, a registry cache for each.

Contexts, arguments and secrets are those that the product makes itself, so that both build the very same steps.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlops_ci.config.load import load
from mlops_ci.images import bake, catalogue
from mlops_ci.images.builder import probe
from mlops_ci.images.delivery import Delivery
from mlops_ci.images.lookup import image_lookup
from mlops_ci.images.plan import plan_images
from mlops_ci.images.sources import package_sources

BELOW = "below"


def command(folder: Path, project: Path, settings: dict[str, str], registry: str) -> tuple[str, ...]:
    """The arguments of `docker` that build and push what `mlops-ci build` makes of the project, to another place."""
    ours = {name: value for name, value in settings.items() if name.startswith("MLOPS_CI_")}
    loaded = load(None, cwd=project, mode=None, environ=ours)
    lookup = image_lookup(loaded, engine="docker", workspace=folder)
    plans = plan_images(loaded, engine="docker", variant="cpu", lookup=lookup)
    variant = catalogue.load().variant(loaded.tables.image.torch, "cpu")
    packages = package_sources(loaded.tables.mirrors, variant, root=project)
    targets: dict[str, Any] = {}
    reads: list[Path] = []
    below: set[str] = set()
    for plan in plans:
        if plan.spec is None:
            raise RuntimeError(f"nothing says what the layer {plan.name} is made from")
        parent = plan.spec.base.ref if plan.spec.base is not None else BELOW
        where = f"type=registry,ref={registry}/{plan.name}:cache"
        ready = bake.prepare(
            plan,
            plan.spec,
            folder=folder / plan.name,
            parent={"BASE_IMAGE": parent},
            packages=packages,
            below=below,
            labels={},
            delivery=Delivery(output="type=registry", cache_to=f"{where},mode=max", cache_from=where),
        )
        target = json.loads(ready.file.read_bytes())["target"][plan.name]
        linked = {"contexts": {BELOW: f"target:{[*targets][-1]}"}} if targets else {}
        targets[plan.name] = {**target, "tags": [f"{registry}/{plan.name}:plain"], **linked}
        reads += ready.reads
        below |= {pin.name for pin in plan.spec.pins}
    file = folder / "bake.json"
    file.write_text(json.dumps({"group": {"default": {"targets": [*targets]}}, "target": targets}))
    return ("buildx", "bake", "--builder", "default", "--push", "--file", str(file), *probe().allow(tuple(reads)))
