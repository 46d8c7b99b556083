"""`mlops-ci images size | check | compare`: what images hold, and whether they keep the rules.

They are looked at where they are: in the engine, or in a registry that another builder pushes to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from mlops_ci.commands.options import Options, load_settings
from mlops_ci.commands.voice import new_console, new_provider
from mlops_ci.engines.docker_socket import DockerSocket, DockerUnreachableError
from mlops_ci.errors import MissingError
from mlops_ci.images import catalogue, difference, hardening, sizes
from mlops_ci.images.engine_store import EngineStore
from mlops_ci.images.hardening import Subject
from mlops_ci.images.look import ImageUnreadableError, Inventory
from mlops_ci.images.lookup import configured_ca_bundle, image_lookup
from mlops_ci.images.plan import LayerPlan, plan_images
from mlops_ci.images.registry_store import PLATFORM, RegistryStore
from mlops_ci.images.sizes import LayerSize
from mlops_ci.images.store import ImageStore
from mlops_ci.images.variants import resolve as resolve_variant
from mlops_ci.images.where import image_store
from mlops_ci.registry.blobs import Blobs
from mlops_ci.registry.reference import parse
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.settings import Settings

MEGA = 1_000_000


class ImageNotHereError(MissingError):
    """A command looks into images, and one of them is not there."""


def size(options: Options) -> int:
    """Print what each layer of the project's image weighs; exit code 1 when one is beyond its budget."""
    settings, plans, store = _planned(options)
    rows = _sizes(settings, plans, store)
    if options.json:
        click.echo(json.dumps([{**asdict(row), "overhead": row.overhead} for row in rows], indent=2))
    else:
        for line in _table(rows):
            click.echo(line)
    return 1 if any(row.over for row in rows) else 0


def check(options: Options, refs: Sequence[str]) -> int:
    """Print which rules the images do not keep; exit code 1 when there is one."""
    if refs:
        wanted, store = tuple(refs), _place_of(refs)
    else:
        _, plans, store = _planned(options)
        wanted = tuple(plan.ref for plan in plans)
    found = {one.ref: hardening.breaches(one) for one in reversed(list(_subjects(wanted, store)))}
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
    store = _place_of((first, second))
    one, other = (_layers(ref, store) for ref in (first, second))
    positions = difference.different_layers(one, other)
    files = difference.different_files(*(store.look(ref, digests=True).files for ref in (first, second)))
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


def _subjects(refs: Sequence[str], store: ImageStore) -> Iterator[Subject]:
    """Images from the last one down. One without a Python is known by what the one above it holds, all of its files."""
    above: Inventory | None = None
    for ref in reversed(refs):
        one = subject(ref, store, above=above)
        above = one.inside
        yield one


def subject(ref: str, store: ImageStore, *, above: Inventory | None = None) -> Subject:
    """An image, ready to be held against the rules; `above` is what an image on top of it holds.

    Raises `ImageNotHereError`, `ImageUnreadableError`.
    """
    said = store.described(ref)
    if said is None:
        raise _not_here(ref, store)
    try:
        inside = store.look(ref)
    except ImageUnreadableError:
        if above is None:
            raise
        inside = above
    return Subject(ref=ref, config=said.config, history=said.history, inside=inside)


def _place_of(refs: Sequence[str]) -> ImageStore:
    """The engine; where none answers, the registry of images that are named with one."""
    console = new_console(verbose=False, provider=new_provider())
    try:
        DockerSocket().ping()
    except DockerUnreachableError:
        if any(parse(ref).host is None for ref in refs):
            raise
        return RegistryStore(cache=Workspace(root=Path.cwd()).cache)
    return EngineStore(console=console)


def _planned(options: Options) -> tuple[Settings, tuple[LayerPlan, ...], ImageStore]:
    """The project's images, all of which must be there, and where they are kept."""
    provider = new_provider()
    settings = load_settings(options, provider)
    workspace = Workspace(root=settings.root)
    store = image_store(
        settings, cache=workspace.cache, console=new_console(verbose=options.verbose, provider=provider)
    )
    wanted = settings.tables.train.gpus
    plans = plan_images(
        settings,
        engine="docker",
        variant=resolve_variant(settings.tables.image, 0 if wanted == "auto" else wanted),
        lookup=image_lookup(settings, engine="docker", workspace=workspace.cache),
        cache=workspace.cache,
    )
    for plan in plans:
        if store.facts(plan.ref) is None:
            raise _not_here(plan.ref, store)
    return settings, plans, store


def _not_here(ref: str, store: ImageStore) -> ImageNotHereError:
    return ImageNotHereError(
        f"the image {ref} is not in {store.place}",
        hint="`mlops-ci build` makes the project's, `docker pull` brings others",
    )


def _layers(ref: str, store: ImageStore) -> tuple[str, ...]:
    facts = store.facts(ref)
    if facts is None:
        raise _not_here(ref, store)
    return facts.layers


def _sizes(settings: Settings, plans: Sequence[LayerPlan], store: ImageStore) -> tuple[LayerSize, ...]:
    known = catalogue.load().layers
    kind = "cpu" if plans[0].spec is None else plans[0].spec.kind
    budgets = {name: bytes_ for name, layer in known.items() if (bytes_ := layer.budget_bytes(kind)) is not None}
    refs = [plan.ref for plan in plans]
    return sizes.layer_sizes(
        [plan.name for plan in plans],
        refs,
        [_inside(ref, store) for ref in refs],
        unpacked=store.unpacked(refs),
        packed=_packed(settings, refs),
        budgets=budgets,
    )


def _inside(ref: str, store: ImageStore) -> Inventory | None:
    """What is in it; None for an image without a Python."""
    try:
        return store.look(ref)
    except ImageUnreadableError:
        return None


def _packed(settings: Settings, refs: Sequence[str]) -> dict[str, int]:
    """Bytes as the registry keeps them, where there is one."""
    registry = Blobs(ca_bundle=configured_ca_bundle(settings))
    found = {ref: registry.image(ref, platform=PLATFORM) for ref in refs if parse(ref).host is not None}
    return {ref: sum(layer.packed for layer in image.layers) for ref, image in found.items() if image is not None}


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
