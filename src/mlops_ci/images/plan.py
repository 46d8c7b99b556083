"""Which images a run needs, under which names, and which of them must be built. Nothing is built or fetched here."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from mlops_ci.engines.inside_image import DIGEST_VARIABLE, content_digest, image_python, interpreter, told_digest
from mlops_ci.files import digest_of, write_json
from mlops_ci.images import base_image, catalogue, content_key, differences, naming
from mlops_ci.images.layers import layer_specs
from mlops_ci.images.lookup import ImageFacts, Lookup
from mlops_ci.images.specs import LayerSpec, Recipe
from mlops_ci.settings.settings import Settings

CACHE = Path(".mlops", "cache")
SHOWN_CHANGES = 3


@dataclass(frozen=True, kw_only=True)
class LayerPlan:
    """One layer's image: its name, what it is made from, and whether it exists.

    `document` is the canonical document behind `content_key`. `found` is what the lookup said (None: not asked, or not
    there). `warnings` are for the user. `spec` is what a build needs; the inside engine has none.
    """

    name: str
    ref: str
    content_key: str
    document: Mapping[str, Any]
    parent: str | None
    action: Literal["build", "reuse"]
    why: str
    found: ImageFacts | None = None
    warnings: tuple[str, ...] = ()
    spec: LayerSpec | None = None

    @property
    def image(self) -> str:
        """The layer's part of the image's name: `vision-dev` where that is not the layer's own."""
        return (self.spec.image if self.spec else "") or self.name


def plan_images(
    settings: Settings,
    *,
    engine: str,
    variant: str,
    lookup: Lookup,
    cache: Path | None = None,
    strict: bool = True,
    above: Callable[[Recipe], LayerSpec] | None = None,
) -> tuple[LayerPlan, ...]:
    """The images from base to top; the last one is what runs.

    At most one question per image is asked, from the top down: what is below an image that exists needs none. `strict`
    says that the lookup's "not there" is to be believed of images of others: a job that may not ask cannot know.
    `above` gives one more layer, on top of those that the settings ask for. `engine` is `inside` for an image that
    others made: see `image_engine`.
    """
    if engine == "inside":
        return (_inside(),)
    known = catalogue.load()
    chosen = known.variant(settings.tables.image.torch, variant)
    base = None if engine == "host" else base_image.resolve(known.base, settings.tables.mirrors.images, lookup)
    recipe = Recipe(
        settings=settings,
        catalogue=known,
        variant=chosen,
        engine="host" if engine == "host" else "docker",
        base=base,
        lookup=lookup,
        strict=strict,
    )
    cache = cache or settings.root / CACHE
    specs = (*layer_specs(recipe), *(() if above is None else (above(recipe),)))
    unasked = _named(specs, settings, engine, cache)
    if engine == "host" and settings.tables.image.apt:
        warning = f"the host engine installs no Debian packages: {', '.join(settings.tables.image.apt)} must be here"
        unasked[-1] = replace(unasked[-1], warnings=(*unasked[-1].warnings, warning))
    return _ask(unasked, lookup, cache)


def _inside() -> LayerPlan:
    """The image that this process runs in, which others made: by the digest that the job was told, or by its content.

    What is installed tells two images apart, but names none: no reference is made of it.
    """
    python = image_python(interpreter())
    digest = told_digest(os.environ)
    known = digest or content_digest(python)
    document = {"schema": content_key.SCHEMA, "engine": "inside", "digest": known, "python": python.version}
    unknown = f"which image this is was not told: pin the job's image by its digest, or set {DIGEST_VARIABLE}"
    return LayerPlan(
        name="inside",
        ref=f"inside@{digest}" if digest else "inside",
        content_key=digest_of(document),
        document=document,
        parent=None,
        action="reuse",
        why="this process already runs in its image",
        found=ImageFacts(digest=digest),
        warnings=() if digest else (unknown,),
    )


def owner(settings: Settings, layer: str) -> str | None:
    """The project whose image a layer is; None for the catalogue's layers, which all projects of an engine share."""
    return None if layer in catalogue.load().layers else settings.name


def _named(specs: tuple[LayerSpec, ...], settings: Settings, engine: str, cache: Path) -> list[LayerPlan]:
    """The plans with keys and references, each key holding its parent's, before anything is asked."""
    plans: list[LayerPlan] = []
    for spec in specs:
        parent = plans[-1] if plans else None
        document = {**spec.document, "parent": parent.content_key if parent else None}
        key = content_key.key_of(document)
        ref = (
            naming.environment_ref(cache, spec.image or spec.name, key)
            if engine == "host"
            else naming.image_ref(
                owner(settings, spec.name), spec.image or spec.name, key, registry=settings.tables.image.registry
            )
        )
        plans.append(
            LayerPlan(
                name=spec.name,
                ref=ref,
                content_key=key,
                document=document,
                parent=parent.name if parent else None,
                action="build",
                why="",
                warnings=spec.warnings,
                spec=spec,
            )
        )
    return plans


def _ask(plans: list[LayerPlan], lookup: Lookup, cache: Path) -> tuple[LayerPlan, ...]:
    decided: list[LayerPlan] = []
    above: LayerPlan | None = None
    for plan in reversed(plans):
        if above is not None:
            decided.append(replace(plan, action="reuse", why=f"{above.name} on top of it exists"))
            continue
        found = lookup(plan.ref)
        if found is None:
            decided.append(replace(plan, why=_why(plan, cache)))
        else:
            above = replace(plan, action="reuse", why="nothing that it is made from has changed", found=found)
            decided.append(above)
    return tuple(reversed(decided))


def remember(cache: Path, plan: LayerPlan) -> None:
    """Keep the document of a layer that was built, so that the next plan can say what has changed."""
    write_json(_memory(cache, plan), dict(plan.document))


def memory(cache: Path, plan: LayerPlan) -> dict[str, Any] | None:
    """The document of the last image of a layer that was built here; None when none was."""
    try:
        before = json.loads(_memory(cache, plan).read_bytes())
    except (OSError, ValueError):
        return None
    return before if isinstance(before, dict) else None


def _memory(cache: Path, plan: LayerPlan) -> Path:
    return cache / "builds" / "documents" / f"{plan.document['engine']}-{naming.slug(plan.name)}.json"


def _why(plan: LayerPlan, cache: Path) -> str:
    """Why a layer must be built: what differs from the last one that was built here."""
    before = memory(cache, plan)
    if before is None:
        return "it does not exist yet"
    changed = differences.changes(differences.inputs(before), differences.inputs(plan.document))
    if not changed:
        return "it does not exist any more"
    shown = ", ".join(changed[:SHOWN_CHANGES])
    more = f" and {len(changed) - SHOWN_CHANGES} more" if len(changed) > SHOWN_CHANGES else ""
    return f"changed: {shown}{more}"
