"""`mlops-ci images`: the catalogue, why an image would be built, what differs between two builds, images.lock."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from mlops_ci.commands.elsewhere import elsewhere, engine_for_images
from mlops_ci.commands.images_table import builds, layers, pins, table
from mlops_ci.commands.options import Options, load_settings
from mlops_ci.commands.voice import new_console, new_provider
from mlops_ci.engines.select import choose
from mlops_ci.errors import MissingError, UsageError
from mlops_ci.images import catalogue, differences, images_lock
from mlops_ci.images.catalogue import Catalogue, Variant
from mlops_ci.images.lookup import Lookup, image_lookup
from mlops_ci.images.plan import LayerPlan, memory, plan_images
from mlops_ci.images.variants import resolve
from mlops_ci.nearness import did_you_mean
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.settings import Settings


class InsideImagesError(UsageError):
    """The engine `inside` has no images of ours."""


class NotBuiltError(MissingError):
    """The image that would run does not exist yet."""


class UnknownBuildError(UsageError):
    """A build that is not in the catalogue, or has no locks."""


def list_catalogue(options: Options) -> int:
    """Print the builds of PyTorch and the layers."""
    known = catalogue.load()
    if options.json:
        click.echo(json.dumps({"builds": builds(known), "layers": layers(known)}, indent=2))
        return 0
    head = ("torch", "variant", "release", "python", "driver", "from driver", "GPUs (sm)", "state")
    click.echo("\n".join(table(head, [list(map(str, row.values())) for row in builds(known)])))
    click.echo("")
    click.echo("\n".join(table(("layer", "on", "holds"), [list(map(str, row.values())) for row in layers(known)])))
    return 0


def explain(options: Options) -> int:
    """Print of each image whether it exists, and what differs from the one before."""
    asked = ask(options)
    before = _before(asked)
    rows = [_row(plan, before.get(plan.name)) for plan in asked.plans]
    if options.json:
        click.echo(json.dumps(rows, indent=2))
        return 0
    for row in rows:
        click.echo(f"{row['layer']}: {row['action']} {row['ref']} ({row['why']})")
        for line in row["changes"]:
            click.echo(f"    {line}")
    click.echo(_first(rows, known=bool(before)))
    return 0


def diff(options: Options, before: str, after: str, layer: str) -> int:
    """Print what differs between the locked packages of two builds."""
    known = catalogue.load()
    old, new = (pins(known, _build(known, name), layer) for name in (before, after))
    changed = {name: (old.get(name), new.get(name)) for name in sorted({*old, *new}) if old.get(name) != new.get(name)}
    if options.json:
        click.echo(json.dumps({name: {"before": was, "after": now} for name, (was, now) in changed.items()}, indent=2))
        return 0
    rows = [[name, was or "-", now or "-"] for name, (was, now) in changed.items()]
    click.echo("\n".join(table(("package", before, after), rows)))
    click.echo(f"{len(changed)} of {len({*old, *new})} packages differ", err=True)
    return 0


def lock(options: Options) -> int:
    """Write images.lock from what exists: the images below, too, about which a plan asks nobody."""
    asked = ask(options)
    top = asked.plans[-1]
    if top.found is None:
        raise NotBuiltError(f"the image {top.ref} does not exist yet", hint="build it: mlops-ci build")
    known = images_lock.read(asked.settings.root) or {}
    made = {
        images_lock.key(asked.engine, asked.build, plan.name): images_lock.entry(
            plan, ref=plan.ref, digest=found.digest
        )
        for plan in asked.plans
        if (found := plan.found or asked.lookup(plan.ref)) is not None
    }
    images_lock.write(asked.settings.root, {**known, **made})
    click.echo(f"wrote {images_lock.NAME}: {', '.join(made)}")
    return 0


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A project's images, after every question. `build` is release and variant."""

    settings: Settings
    engine: str
    build: str
    plans: tuple[LayerPlan, ...]
    workspace: Workspace
    lookup: Lookup


def ask(options: Options) -> Asked:
    """Plan the project's images, and ask which of them exist."""
    settings = load_settings(options)
    provider = new_provider()
    console = new_console(verbose=options.verbose, provider=provider)
    workspace = Workspace(root=settings.root)
    workspace.prepare()
    asked = engine_for_images(options.engine, settings)
    engine = choose(
        asked, local=provider.local, project=settings.root, console=console, elsewhere=elsewhere(settings)
    ).name
    if engine == "inside":
        raise InsideImagesError("the engine `inside` builds nothing", hint="use --engine docker or --engine host")
    wanted = settings.tables.train.gpus
    variant = resolve(settings.tables.image, 0 if wanted == "auto" else wanted)
    lookup = image_lookup(settings, engine=engine, workspace=workspace.cache)
    plans = plan_images(settings, engine=engine, variant=variant, lookup=lookup, cache=workspace.cache)
    return Asked(
        settings=settings,
        engine=engine,
        build=catalogue.load().variant(settings.tables.image.torch, variant).id,
        plans=plans,
        workspace=workspace,
        lookup=lookup,
    )


def _before(asked: Asked) -> dict[str, Mapping[str, str]]:
    """The inputs of what was built before, by layer."""
    locked = images_lock.read(asked.settings.root) or {}
    found: dict[str, Mapping[str, str]] = {}
    for plan in asked.plans:
        known = locked.get(images_lock.key(asked.engine, asked.build, plan.name))
        document = memory(asked.workspace.cache, plan)
        if known is not None:
            found[plan.name] = known.inputs
        elif document is not None:
            found[plan.name] = differences.inputs(document)
    return found


def _row(plan: LayerPlan, before: Mapping[str, str] | None) -> dict[str, Any]:
    inputs = differences.inputs(plan.document)
    return {
        "layer": plan.name,
        "ref": plan.ref,
        "content_key": plan.content_key,
        "action": plan.action,
        "why": plan.why,
        "changes": list(differences.changes(before, inputs)) if before is not None else [],
        "inputs": inputs,
    }


def _first(rows: Iterable[Mapping[str, Any]], *, known: bool) -> str:
    """The first input that differs, from the lowest image up."""
    if not known:
        return "nothing is known of an earlier build"
    for row in rows:
        if row["changes"]:
            return f"the first input that differs: {row['layer']}: {row['changes'][0]}"
    return "nothing differs from what was built"


def _build(known: Catalogue, name: str) -> Variant:
    found = known.variants.get(name)
    if found is None or found.pending:
        reason = (
            f"has no locks yet: {found.pending}"
            if found
            else f"is not in the catalogue{did_you_mean(name, known.variants)}"
        )
        usable: Iterable[str] = (one.id for one in known.variants.values() if not one.pending)
        raise UnknownBuildError(f"the build `{name}` {reason}", hint=f"use two of: {', '.join(usable)}")
    return found
