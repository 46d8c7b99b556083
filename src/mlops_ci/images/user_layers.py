"""The layers of the user: packages, code and Dockerfile, on top of what the catalogue has."""

from __future__ import annotations

import os
from pathlib import Path

from mlops_ci.errors import UsageError
from mlops_ci.images import build_context, content_key, dockerfile, requirements_file, uv_lock
from mlops_ci.images.content_key import ContextFile
from mlops_ci.images.specs import CONSTRAINTS, FILES, PROJECT, LayerSpec, Recipe, bundled_layer, document_of
from mlops_ci.registry.reference import parse
from mlops_ci.run.lineage import code_files
from mlops_ci.settings.image import ImageSettings


class ExternalImageError(UsageError):
    """An image of others that the user's Dockerfile names does not exist."""


class HostDockerfileError(UsageError):
    """The settings name a Dockerfile, which the host engine cannot build."""


def user_layers(recipe: Recipe) -> tuple[LayerSpec, ...]:
    """The layers that the settings ask for, lowest first. Raises a `UsageError` for what cannot be built."""
    image = recipe.settings.tables.image
    docker = recipe.engine == "docker"
    if not docker:
        _refuse_on_host(image)
    apt = image.apt if docker else ()
    found = []
    if image.requirements or apt:
        found.append(_packages(recipe, apt))
    if image.dockerfile:
        found.append(_project_layer(recipe, image.dockerfile))
    if image.code and docker:
        found.append(_code_layer(recipe))
    return tuple(found)


def _refuse_on_host(image: ImageSettings) -> None:
    if image.dockerfile:
        raise HostDockerfileError(
            f"[image] dockerfile = `{image.dockerfile}` needs the Docker engine, and this run uses the host engine",
            hint="start Docker and use --engine docker, or put Python packages into [image] requirements",
        )


def _packages(recipe: Recipe, apt: tuple[str, ...]) -> LayerSpec:
    layer = recipe.catalogue.user
    named, names, files = _requirements(recipe)
    companions = not names.isdisjoint(recipe.catalogue.companions)
    if recipe.engine == "host":
        return LayerSpec(
            name=layer.name,
            document=document_of(recipe, layer.name, files),
            files=files,
            requirements=named,
            companions=companions,
        )
    return bundled_layer(
        recipe,
        layer,
        files=files,
        args={"APT_PACKAGES": " ".join(sorted(apt)), "REQUIREMENTS": named or ""},
        requirements=named,
        companions=companions,
    )


def _requirements(recipe: Recipe) -> tuple[str | None, frozenset[str], tuple[ContextFile, ...]]:
    """The main file of the user's Python packages, what it asks for, and all files of it."""
    settings, variant = recipe.settings, recipe.variant
    wanted = settings.tables.image.requirements
    if not wanted:
        return None, frozenset(), ()
    pins = {name: version for name, version in variant.pins.items() if name != "torch"}
    if Path(wanted).name == uv_lock.NAME:
        path = settings.root / wanted
        locked = uv_lock.read(path, torch=variant.torch, protected=recipe.catalogue.protected, pins=pins)
        main, names, contents = f"{wanted}.txt", locked.names, {f"{wanted}.txt": locked.text.encode()}
    else:
        found = requirements_file.read(
            wanted, root=settings.root, torch=variant.torch, where=settings.where("image.requirements")
        )
        main, names = found.main, found.names
        contents = {name: (settings.root / name).read_bytes() for name in found.files}
    lines = [f"torch=={variant.torch}", *(f"{name}=={pins[name]}" for name in sorted(pins) if name in names)]
    constraints = ContextFile(path=CONSTRAINTS, content="".join(f"{line}\n" for line in lines).encode())
    return main, names, (constraints, *(ContextFile(path=f"{FILES}/{n}", content=c) for n, c in contents.items()))


def _code_layer(recipe: Recipe) -> LayerSpec:
    """The files of the repository, as git lists them."""
    root = recipe.settings.root
    outputs = os.path.normpath(recipe.settings.tables.train.outputs).split(os.sep)[0]
    listed = code_files(root, skip=(outputs, "images.lock"))
    files = tuple(ContextFile(path=f"{FILES}/{one.path}", source=root / one.path) for one in listed)
    return bundled_layer(recipe, recipe.catalogue.code, files=files, args={})


def _project_layer(recipe: Recipe, name: str) -> LayerSpec:
    root = recipe.settings.root
    checked = dockerfile.read(root / name, shown=name)
    ignore = build_context.ignore_text(root, root / name)
    rules = build_context.IgnoreRules(tuple(ignore.splitlines()))
    files = build_context.context_files(root, rules, checked.copies)
    digests = {external: digest for external in checked.externals if (digest := _digest(recipe, *external, name))}
    text = dockerfile.pinned((root / name).read_text(encoding="utf-8"), digests).encode()
    document = {**document_of(recipe, PROJECT, files), "dockerfile": content_key.digest_bytes(text), "args": {}}
    return LayerSpec(
        name=PROJECT,
        document=document,
        files=files,
        dockerfile=text,
        shown=name,
        context=root,
        ignore=ignore,
        uses=("pip", "apt"),
        platform=recipe.variant.platform,
        time=recipe.time,
        warnings=tuple(
            f"{name}:{line}: `{image}` has no digest, so it may change without a rebuild; write NAME@sha256:..."
            for image, line in checked.externals
            if (image, line) not in digests
        ),
    )


def _digest(recipe: Recipe, image: str, line: int, shown: str) -> str | None:
    """The digest of an image of others, asked of its registry; None for names that no registry stands in."""
    if "$" in image or parse(image).host is None or recipe.lookup is None:
        return None
    found = recipe.lookup(image)
    if found is None and recipe.strict:
        raise ExternalImageError(
            f"{shown}:{line}: the image `{image}` does not exist in its registry", hint="check its name and tag"
        )
    return found.digest if found else None
