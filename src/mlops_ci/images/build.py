"""Builds what does not exist yet: images of containers, virtual environments for the host engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlops_ci.console import Console
from mlops_ci.images import catalogue, sources
from mlops_ci.images.lookup import image_lookup
from mlops_ci.images.plan import LayerPlan
from mlops_ci.images.store import image_engine
from mlops_ci.images.where import image_store
from mlops_ci.records.build import BuiltImage
from mlops_ci.settings.settings import Settings


def build_images(
    plans: Sequence[LayerPlan],
    settings: Settings,
    *,
    engine: str,
    variant: str,
    cache: Path,
    console: Console,
    here: bool = True,
) -> tuple[dict[str, BuiltImage], str, tuple[str, ...]]:
    """The images by layer name from base to top, the top's name, and warnings for the user.

    A layer that exists is used as it is; when all do, no builder is started, and unless the top is wanted `here`
    nothing is pulled from a registry. Images below one that exists are listed only if the engine has them. A builder
    that is no engine brings nothing here: its images are in the registry. Raises
    `UserCodeError` for what the user's own files break, `InfrastructureError` for what the engine, the registry or the
    network do.
    """
    top = plans[-1]
    warnings = tuple(warning for plan in plans for warning in plan.warnings)
    if image_engine(settings, engine) == "inside":
        return {top.name: _inside(top)}, top.name, warnings
    build = catalogue.load().variant(settings.tables.image.torch, variant)
    packages = sources.package_sources(settings.tables.mirrors, build, root=settings.root)
    if engine == "host":
        from mlops_ci.images.host_build import HostBuild

        images = HostBuild(cache=cache, console=console, packages=packages, variant=build).run(plans)
    else:
        from mlops_ci.images.docker_build import DockerBuild

        images = DockerBuild(
            settings=settings,
            variant=build,
            cache=cache,
            console=console,
            packages=packages,
            lookup=image_lookup(settings, engine="docker", workspace=cache),
            store=image_store(settings, cache=cache, console=console),
            here=here,
        ).run(plans)
    return images, top.name, warnings


def _inside(plan: LayerPlan) -> BuiltImage:
    """The image that we are in: nothing is known of it but what the job was told."""
    return BuiltImage(
        ref=plan.ref,
        digest=plan.found.digest if plan.found else "",
        content_key=plan.content_key,
        built=False,
        bytes=0,
        seconds=0.0,
    )
