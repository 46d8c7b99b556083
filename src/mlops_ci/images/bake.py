"""The bake file of one layer, in JSON, and the folder that its build reads."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.errors import UsageError
from mlops_ci.files import write_json
from mlops_ci.images import content_key, sources
from mlops_ci.images.delivery import Delivery
from mlops_ci.images.plan import LayerPlan
from mlops_ci.images.sources import PackageSources
from mlops_ci.images.specs import LayerSpec
from mlops_ci.network import proxy_environment

WHEELS = "wheels"
# Where pip-install.sh finds the folder of wheels inside a build step.
WHEELS_INSIDE = f"/run/context/{WHEELS}"


class PlanOutdatedError(UsageError):
    """A file changed between planning and building, so that the image would not be what its name says."""


@dataclass(frozen=True, kw_only=True)
class Bake:
    """A bake file that is ready: `target` in `file`, and what the builder reads outside its working folder.

    `archive` is where the image then lies, for the engine to load; None: the builder gives it to the engine itself.
    """

    folder: Path
    file: Path
    metadata: Path
    target: str
    reads: tuple[Path, ...]
    archive: Path | None = None


def prepare(
    plan: LayerPlan,
    spec: LayerSpec,
    *,
    folder: Path,
    parent: Mapping[str, str],
    packages: PackageSources,
    below: Iterable[str],
    labels: Mapping[str, str],
    delivery: Delivery,
) -> Bake:
    """Write the context, the secrets and the bake file into `folder`, which is made anew.

    `parent` are the arguments that name the image below, `below` the distributions of all layers below (their wheels
    need not travel), `delivery` how the image leaves the builder. Raises `PlanOutdatedError` when a file is no longer
    what the plan's content key says.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    if content_key.entries(spec.files) != plan.document["files"]:
        raise PlanOutdatedError(
            f"the files of the layer {plan.name} changed after they were planned", hint="run the same command again"
        )
    file, ignore = folder / "Dockerfile", folder / "Dockerfile.dockerignore"
    file.write_bytes(spec.dockerfile)
    if spec.context is None:
        wheels = _stage(spec, folder / "context", packages, below)
    else:
        ignore.write_text(spec.ignore, encoding="utf-8")
        wheels = ()
    secrets = _secrets(spec, folder, packages, wheels)
    target: dict[str, Any] = {
        "context": str(spec.context or folder / "context"),
        "dockerfile": str(file),
        "args": {**proxy_environment(), "SOURCE_DATE_EPOCH": str(spec.time), **spec.args, **parent},
        "labels": dict(labels),
        "tags": [plan.ref] if delivery.named else [],
        "platforms": [spec.platform],
        "secret": [f"id={name},src={path}" for name, path in secrets.items()],
        "output": [delivery.output],
        **({"cache-to": [delivery.cache_to], "cache-from": [delivery.cache_from]} if delivery.cache_to else {}),
    }
    write_json(folder / "bake.json", {"target": {plan.name: target}})
    return Bake(
        folder=folder,
        file=folder / "bake.json",
        metadata=folder / "metadata.json",
        target=plan.name,
        reads=(folder, *secrets.values(), *((spec.context,) if spec.context else ())),
        archive=delivery.archive,
    )


def _stage(spec: LayerSpec, context: Path, packages: PackageSources, below: Iterable[str]) -> tuple[Path, ...]:
    """Put the files into a context of their own, with the archives of local folders that the step may install."""
    for file in spec.files:
        path = context / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        for parent in path.relative_to(context).parents:
            (context / parent).chmod(0o755)
        file.write(path)
    if spec.pins:
        archives = sources.locked_archives(packages.folders, spec.pins)
    elif spec.requirements:
        archives = sources.other_archives(packages.folders, below)
    else:
        archives = ()
    context.mkdir(exist_ok=True)
    for archive in archives:
        (context / WHEELS).mkdir(exist_ok=True)
        _link(archive, context / WHEELS / archive.name)
    return archives


def _link(source: Path, target: Path) -> None:
    """A second name for the file; a copy where the file systems differ."""
    try:
        target.hardlink_to(source.resolve())
    except OSError:
        shutil.copyfile(source, target)


def _secrets(spec: LayerSpec, folder: Path, packages: PackageSources, wheels: tuple[Path, ...]) -> dict[str, Path]:
    """The secret mounts of the step, by name. Nothing of them stays in a layer, an argument or the image's history."""
    found: dict[str, Path] = {}
    if packages.ca is not None:
        found["ca"] = packages.ca
    if "apt" in spec.uses and packages.apt:
        found["apt"] = _private(folder / "apt", packages.apt)
    if "pip" in spec.uses:
        found["pip"] = _private(folder / "pip", pip_configuration(spec, packages, wheels))
    return found


def _private(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path


def pip_configuration(spec: LayerSpec, packages: PackageSources, wheels: tuple[Path, ...]) -> str:
    """The configuration file for pip inside a build step.

    PyTorch's own index is named only where it is needed: when it can't be reached, pip spends seconds on retries.
    """
    local = {path.name.partition("-")[0] for path in wheels}
    pinned = {pin.name for pin in spec.pins}
    extra = list(sources.reachable_from_builds(packages.extra_indexes))
    if packages.torch_index and (spec.companions or ("torch" in pinned and "torch" not in local)):
        extra.append(packages.torch_index)
    links = [*([WHEELS_INSIDE] if wheels else []), *packages.pages]
    lines = ["[global]", f"timeout = {sources.TIMEOUT}"]
    if packages.index and sources.reachable_from_builds([packages.index]):
        lines.append(f"index-url = {packages.index}")
    for name, values in (("extra-index-url", extra), ("find-links", links)):
        if values:
            lines.append(f"{name} =" + "".join(f"\n    {value}" for value in values))
    return "\n".join(lines) + "\n"
