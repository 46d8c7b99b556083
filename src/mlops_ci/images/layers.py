"""What each layer is made from: its files, its Dockerfile and arguments, and therefore its content key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mlops_ci.errors import MissingError
from mlops_ci.images import host_python, lockfile, user_layers
from mlops_ci.images.catalogue import CORE, Layer, Variant
from mlops_ci.images.content_key import ContextFile
from mlops_ci.images.lockfile import Pin
from mlops_ci.images.specs import LOCK, LayerSpec, Recipe, bundled_layer, document_of


class PendingLockError(MissingError):
    """The variant is in the catalogue, and its locks have not been written yet."""


def layer_specs(recipe: Recipe) -> tuple[LayerSpec, ...]:
    """The layers from base to top. Raises a `UsageError` for settings that no image can be made from."""
    if recipe.engine == "host":
        host_python.check(recipe.catalogue, recipe.variant.torch)
    check_locked(recipe.variant)
    chosen = recipe.product
    pairs = zip(chosen.layers, chosen.images, strict=True)
    specs = (_catalogue_layer(recipe, layer, image) for layer, image in pairs if _is_made(recipe, layer))
    return (*specs, *user_layers.user_layers(recipe))


def check_locked(variant: Variant) -> None:
    """Raises `PendingLockError` for a build that the catalogue has without its locks."""
    if variant.pending:
        raise PendingLockError(
            f"PyTorch {variant.release.series} for {variant.name} has no locks yet: {variant.pending}",
            hint="`mlops-ci images list` shows what can be built; a maintainer's `nox -s update` writes locks where "
            "the index answers",
        )


def _is_made(recipe: Recipe, layer: Layer) -> bool:
    """Whether the engine makes something of a layer: an environment needs none without Python packages."""
    return recipe.engine == "docker" or layer.lock_file(recipe.variant) is not None or not layer.below


def _catalogue_layer(recipe: Recipe, layer: Layer, image: str) -> LayerSpec:
    lock = layer.lock_file(recipe.variant)
    files: tuple[ContextFile, ...] = () if lock is None else (ContextFile(path=LOCK, content=lock.read_bytes()),)
    if recipe.engine == "host":
        return LayerSpec(
            name=layer.name,
            image=image,
            document=document_of(recipe, layer.name, files),
            files=files,
            lock=lock,
            warnings=(
                *host_python.warnings(recipe.variant, _pins(lock), recipe.catalogue.protected),
                *_lacking(recipe, layer),
            ),
        )
    lowest = not layer.below
    made = bundled_layer(recipe, layer, files=files, args={"PERIOD": recipe.period} if lowest else {})
    document = dict(made.document)
    if lowest and recipe.base is not None:
        document["base"] = {"name": recipe.base.name, "digest": recipe.base.digest}
    if lock is not None and layer.name == CORE:
        document["torch_index"] = recipe.variant.index
    return replace(
        made,
        image=image,
        document=document,
        lock=lock,
        base=recipe.base if lowest else None,
        budget=layer.budget_bytes(recipe.variant.kind),
        kind=recipe.variant.kind,
        warnings=_lacking(recipe, layer),
    )


def _pins(lock: Path | None) -> tuple[Pin, ...]:
    return () if lock is None else lockfile.read(lock)


def _lacking(recipe: Recipe, layer: Layer) -> tuple[str, ...]:
    """What the layer should hold, and could not be locked."""
    variant = recipe.variant
    names = recipe.catalogue.lacks.get(f"{layer.name}/{variant.id}", ())
    unlocked = f"the layer {layer.name} has no {' and no '.join(names)} in the variant {variant.name}: not locked yet"
    never = (f"the layer {layer.name} in the variant {variant.name} has no {one}" for one in layer.lacking(variant))
    return (*([unlocked] if names else []), *never)
