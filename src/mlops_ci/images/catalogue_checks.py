"""What can be wrong in a catalogue that reads well: cycles, unknown names, versions that are none."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlops_ci.images.catalogue import SHARED_FOLDER, Catalogue, Layer
from mlops_ci.nearness import did_you_mean

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LEVELS = {"zstd": range(1, 23), "gzip": range(1, 10)}
KINDS = ("cpu", "cuda")
VERSION = re.compile(r"\d+(\.\d+)*")


def problems(known: Catalogue) -> tuple[str, ...]:
    """All of them, in words."""
    return (*_base(known), *_packing(known), *_layers(known), *_cycles(known), *_releases(known), *_variants(known))


def _base(known: Catalogue) -> Iterator[str]:
    if not DIGEST.fullmatch(known.base.digest):
        yield f"[base] digest {known.base.digest!r} is not sha256:... with 64 hex digits"


def _packing(known: Catalogue) -> Iterator[str]:
    packing = known.packing
    levels = LEVELS.get(packing.compression)
    if levels is None:
        yield f"[packing] compression {packing.compression!r} is none of {', '.join(LEVELS)}"
    elif packing.level not in levels:
        yield f"[packing] level {packing.level!r} is not from {levels[0]} to {levels[-1]}"


def _layers(known: Catalogue) -> Iterator[str]:
    roots = [layer.name for layer in known.layers.values() if not layer.below]
    if len(roots) != 1:
        yield f"exactly one layer has no parent, not {len(roots)} ({', '.join(roots) or 'none'})"
    for layer in known.layers.values():
        yield from _layer(known, layer)
    for table, own in (("user", known.user), ("code", known.code), ("serve", known.serve)):
        if own.name in known.layers:
            yield f"[{table}] layer {own.name!r} has the name of a layer"


def _layer(known: Catalogue, layer: Layer) -> Iterator[str]:
    if not NAME.fullmatch(layer.name):
        yield f"the layer {layer.name!r} is not a name in small letters, digits and single dashes"
    if layer.on and layer.parent:
        yield f"the layer {layer.name} has both `parent` and `on`"
    if layer.kind not in (None, *KINDS):
        yield f"the layer {layer.name} has kind {layer.kind!r}, which is neither cpu nor cuda"
    for kind in set(layer.parent) - set(KINDS):
        yield f"the layer {layer.name} has a parent for {kind!r}, which is neither cpu nor cuda"
    for below in dict.fromkeys(layer.below):
        if below not in known.layers:
            yield f"the layer {layer.name} stands on {below!r}, which is no layer{did_you_mean(below, known.layers)}"
    for kind, below in layer.parent.items():
        only = known.layers[below].kind if below in known.layers else None
        if only not in (None, kind) and layer.kind in (None, kind):
            yield f"the layer {layer.name} stands on {below!r} in variants for {kind}, where that does not exist"
    yield from _layer_files(known, layer)


def _layer_files(known: Catalogue, layer: Layer) -> Iterator[str]:
    if not (layer.folder / "Dockerfile").is_file():
        yield f"the layer {layer.name} has no {layer.folder / 'Dockerfile'}"
    for name in layer.files:
        if not (layer.folder / name).is_file():
            yield f"the layer {layer.name} has no {layer.folder / name}"
    for name in layer.shared:
        if not (known.folder / SHARED_FOLDER / name).is_file():
            yield f"the layer {layer.name} shares {SHARED_FOLDER}/{name}, which does not exist"


def _cycles(known: Catalogue) -> Iterator[str]:
    finished: set[str] = set()
    for name in known.layers:
        cycle = _cycle(known, name, (), finished)
        if cycle:
            yield f"the layers {' -> '.join(cycle)} stand on each other in a circle"


def _cycle(known: Catalogue, name: str, path: tuple[str, ...], finished: set[str]) -> tuple[str, ...]:
    """The first circle that is reached from `name`, named once; nothing where there is none."""
    if name in path:
        return (*path[path.index(name) :], name)
    if name in finished or name not in known.layers:
        return ()
    for below in known.layers[name].below:
        cycle = _cycle(known, below, (*path, name), finished)
        if cycle:
            finished.update(cycle)
            return cycle
    finished.add(name)
    return ()


def _releases(known: Catalogue) -> Iterator[str]:
    for release in known.releases.values():
        for name in ("torch", "torchvision", "torchaudio"):
            if not VERSION.fullmatch(getattr(release, name)):
                yield f"[torch.{release.series!r}] {name} {getattr(release, name)!r} is no exact version"
        if not release.torch.startswith(f"{release.series}."):
            yield f"[torch.{release.series!r}] torch {release.torch!r} is not of that series"
        if release.default not in known.of(release):
            yield f"[torch.{release.series!r}] default {release.default!r} is no variant of it"
    for cuda in known.cudas.values():
        if cuda.name != f"cu{cuda.version.replace('.', '')}":
            yield f"[cuda.{cuda.name}] version {cuda.version!r} does not fit the name"
        if not cuda.minimum:
            yield f"the table of compatibility does not say which driver runs CUDA {cuda.version}"


def _variants(known: Catalogue) -> Iterator[str]:
    for variant in known.variants.values():
        if variant.name not in variant.release.upstream:
            yield f"the variant {variant.id} was never published (upstream: {', '.join(variant.release.upstream)})"
        if variant.cuda and not variant.sm:
            yield f"the table of compatibility does not say for which GPUs the variant {variant.id} has code"


def missing_locks(known: Catalogue) -> Iterator[str]:
    """Locks that are neither there nor marked as pending."""
    for variant in known.variants.values():
        for layer in known.layers.values():
            lock = layer.lock_file(variant)
            if lock and layer.kind in (None, variant.kind) and not variant.pending and not lock.is_file():
                yield f"{lock} is missing, and the variant {variant.id} is not marked as pending"
