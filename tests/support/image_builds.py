"""Plans and builds images in tests, as the stages do, and keeps what was asked and said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_ci.console import Console
from mlops_ci.images import catalogue
from mlops_ci.images.build import build_images
from mlops_ci.images.docker_build import DockerBuild
from mlops_ci.images.engine_store import EngineStore
from mlops_ci.images.lookup import ImageFacts, Lookup, image_lookup
from mlops_ci.images.plan import LayerPlan, plan_images
from mlops_ci.images.sources import package_sources
from mlops_ci.images.store import ImageStore
from mlops_ci.records.build import BuiltImage
from mlops_ci.settings.settings import Settings

from .heard import Heard
from .image_projects import make_settings


def image_build(
    settings: Settings, lookup: Lookup, store: ImageStore | None = None, *, here: bool = True
) -> DockerBuild:
    """What builds images, for PyTorch 2.13 for CPUs, in the folder of the settings; without a `store` on an engine."""
    variant = catalogue.load().variants["2.13-cpu"]
    return DockerBuild(
        settings=settings,
        variant=variant,
        cache=settings.root,
        console=Console(Heard()),
        packages=package_sources(settings.tables.mirrors, variant, root=settings.root),
        lookup=lookup,
        store=store or EngineStore(console=Console(Heard())),
        here=here,
    )


@dataclass
class Built:
    """The result of one plan and build."""

    plans: tuple[LayerPlan, ...]
    images: dict[str, BuiltImage]
    top: str
    warnings: tuple[str, ...]

    @property
    def ref(self) -> str:
        return self.images[self.top].ref


@dataclass
class ImageProject:
    """A folder with settings that can be planned and built on one engine."""

    root: Path
    engine: str
    name: str
    mirrors: Mapping[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    sink: Heard = field(default_factory=Heard)
    cache: Path | None = None

    def write(self, **files: str) -> None:
        """Write files; a double underscore in a name stands for a dot."""
        for name, text in files.items():
            (self.root / name.replace("__", ".")).write_text(text)

    def build(self, *, mirrors: Mapping[str, Any] | None = None, **image: Any) -> Built:
        """Plan and build with these values in `[image]`."""
        settings = make_settings(self.root, name=self.name, image=image, mirrors={**self.mirrors, **(mirrors or {})})
        cache = self.cache or self.root / ".mlops" / "cache"
        lookup = image_lookup(settings, engine=self.engine, workspace=cache)
        self.asked.clear()
        self.sink.lines.clear()

        def ask(ref: str) -> ImageFacts | None:
            self.asked.append(ref)
            return lookup(ref)

        plans = plan_images(settings, engine=self.engine, variant="cpu", lookup=ask)
        images, top, warnings = build_images(
            plans, settings, engine=self.engine, variant="cpu", cache=cache, console=Console(self.sink)
        )
        return Built(plans, images, top, warnings)
