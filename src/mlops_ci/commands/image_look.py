"""`mlops-ci images size | check | compare`: what the images of this engine hold, and whether they keep the rules."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import click

from mlops_ci.commands.options import Options, load_settings
from mlops_ci.commands.voice import new_provider
from mlops_ci.engines.docker_socket import DockerSocket
from mlops_ci.errors import MissingError
from mlops_ci.images import catalogue, difference, hardening, sizes
from mlops_ci.images.hardening import Subject
from mlops_ci.images.look import ImageUnreadableError, Inventory, look
from mlops_ci.images.lookup import configured_ca_bundle, image_lookup
from mlops_ci.images.plan import LayerPlan, plan_images
from mlops_ci.images.sizes import LayerSize
from mlops_ci.images.variants import resolve as resolve_variant
from mlops_ci.registry.client import Registry
from mlops_ci.registry.reference import parse
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.settings import Settings

MEGA = 1_000_000


class ImageNotHereError(MissingError):
    """A command looks into images, and one of them is not in this engine."""


def size(options: Options) -> int:
    """Print what each layer of the project's image weighs; exit code 1 when one is beyond its budget."""
    settings, plans = _planned(options)
    rows = _sizes(settings, plans)
    if options.json:
        click.echo(json.dumps([{**asdict(row), "overhead": row.overhead} for row in rows], indent=2))
    else:
        for line in _table(rows):
            click.echo(line)
    return 1 if any(row.over for row in rows) else 0


def check(options: Options, refs: Sequence[str]) -> int:
    """Print which rules the images do not keep; exit code 1 when there is one."""
    wanted = tuple(refs) or tuple(plan.ref for plan in _planned(options)[1])
    found = {one.ref: hardening.breaches(one) for one in reversed(list(_subjects(wanted)))}
    if options.json:
        click.echo(json.dumps({ref: [asdict(one) for one in rows] for ref, rows in found.items()}, indent=2))
        return 1 if any(found.values()) else 0
    for ref, rows in found.items():
        click.echo(f"{'✗' if rows else '✓'} {ref}")
        for one in rows:
            click.echo(f"  {one.rule:<12} {one.found}\n  {'':<12} fix: {one.fix}")
    return 1 if any(found.values()) else 0


def compare(first: str, second: str, *, as_json: bool) -> int:
    """Print which layers and files differ between two images; exit code 1 when any does."""
    one, other = (_layers(ref) for ref in (first, second))
    positions = difference.different_layers(one, other)
    files = difference.different_files(look(first, digests=True).files, look(second, digests=True).files)
    if as_json:
        click.echo(json.dumps({"layers": list(positions), "files": [asdict(file) for file in files]}, indent=2))
    elif not positions and not files:
        click.echo(f"equal: all {len(one)} layers have the same DiffIDs")
    else:
        for index in positions:
            click.echo(f"layer {index + 1} of {max(len(one), len(other))} differs")
        for file in files:
            click.echo(f"  {file.path}: {file.what}")
        if not files:
            click.echo(
                "  every file is the same: only the archives of the layers differ (their order, or more headers)"
            )
    return 1 if positions or files else 0


def _subjects(refs: Sequence[str]) -> Iterator[Subject]:
    """Images from the last one down. One without a Python is known by what the one above it holds, all of its files."""
    above: Inventory | None = None
    for ref in reversed(refs):
        one = subject(ref, above=above)
        above = one.inside
        yield one


def subject(ref: str, *, above: Inventory | None = None) -> Subject:
    """An image of the engine, ready to be held against the rules; `above` is what an image on top of it holds.

    Raises `ImageNotHereError`, `ImageUnreadableError`.
    """
    engine = DockerSocket()
    facts = engine.image(ref)
    if facts is None:
        raise _not_here(ref)
    steps = [str(entry.get("CreatedBy") or "") for entry in engine.history(ref)]
    try:
        inside = look(ref)
    except ImageUnreadableError:
        if above is None:
            raise
        inside = above
    return Subject(ref=ref, config=facts.get("Config") or {}, history=steps, inside=inside)


def _planned(options: Options) -> tuple[Settings, tuple[LayerPlan, ...]]:
    """The project's images on the Docker engine, all of which must be there."""
    settings = load_settings(options, new_provider())
    workspace = Workspace(root=settings.root)
    wanted = settings.tables.train.gpus
    plans = plan_images(
        settings,
        engine="docker",
        variant=resolve_variant(settings.tables.image, 0 if wanted == "auto" else wanted),
        lookup=image_lookup(settings, engine="docker", workspace=workspace.cache),
        cache=workspace.cache,
    )
    for plan in plans:
        if DockerSocket().image(plan.ref) is None:
            raise _not_here(plan.ref)
    return settings, plans


def _not_here(ref: str) -> ImageNotHereError:
    return ImageNotHereError(
        f"the image {ref} is not in this engine",
        hint="`mlops-ci build` makes the project's, `docker pull` brings others",
    )


def _layers(ref: str) -> tuple[str, ...]:
    facts = DockerSocket().image(ref)
    if facts is None:
        raise _not_here(ref)
    return tuple((facts.get("RootFS") or {}).get("Layers") or ())


def _sizes(settings: Settings, plans: Sequence[LayerPlan]) -> tuple[LayerSize, ...]:
    known = catalogue.load().layers
    kind = "cpu" if plans[0].spec is None else plans[0].spec.kind
    budgets = {name: bytes_ for name, layer in known.items() if (bytes_ := layer.budget_bytes(kind)) is not None}
    refs = [plan.ref for plan in plans]
    return sizes.layer_sizes(
        [plan.name for plan in plans],
        refs,
        [_inside(ref) for ref in refs],
        packed=_packed(settings, refs),
        budgets=budgets,
    )


def _inside(ref: str) -> Inventory | None:
    """What is in it; None for an image without a Python."""
    try:
        return look(ref)
    except ImageUnreadableError:
        return None


def _packed(settings: Settings, refs: Sequence[str]) -> dict[str, int]:
    """Bytes as the registry keeps them, where there is one."""
    registry = Registry(ca_bundle=configured_ca_bundle(settings))
    found = {ref: sizes.packed_bytes(registry, ref) for ref in refs if parse(ref).host is not None}
    return {ref: count for ref, count in found.items() if count is not None}


def _table(rows: Sequence[LayerSize]) -> Iterator[str]:
    yield (
        f"{'layer':<14}{'unpacked MB':>12}{'packed MB':>11}{'wheels MB':>11}{'bytecode MB':>13}"
        f"{'overhead':>10}{'budget MB':>11}"
    )
    for row in rows:
        overhead = "" if row.overhead is None else f"{row.overhead:.2f}"
        budget = "" if row.budget is None else f"{row.budget / MEGA:.0f}{' !' if row.over else ''}"
        yield (
            f"{row.name:<14}{row.unpacked / MEGA:>12.1f}{_mega(row.packed):>11}{row.wheels / MEGA:>11.1f}"
            f"{row.bytecode / MEGA:>13.1f}{overhead:>10}{budget:>11}"
        )
    packed = [row.packed for row in rows if row.packed is not None]
    total = f"{sum(packed) / MEGA:.1f}" if len(packed) == len(rows) else "-"
    yield f"{'all':<14}{sum(row.unpacked for row in rows) / MEGA:>12.1f}{total:>11}"
    if len(packed) < len(rows):
        yield "packed: only a registry ([image] registry) knows it"


def _mega(count: int | None) -> str:
    return "-" if count is None else f"{count / MEGA:.1f}"
