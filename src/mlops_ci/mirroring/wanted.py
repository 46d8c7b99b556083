"""What a project needs from outside, on this machine: its layers, its locks, where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mlops_ci.console import Console
from mlops_ci.images import catalogue, extra, lockfile, sources
from mlops_ci.images.base_image import BaseImage
from mlops_ci.images.catalogue import Variant
from mlops_ci.images.host_python import has_hash
from mlops_ci.images.lockfile import Pin
from mlops_ci.images.lookup import configured_ca_bundle, image_lookup
from mlops_ci.images.plan import LayerPlan, plan_images
from mlops_ci.images.sources import PackageSources
from mlops_ci.images.specs import LayerSpec
from mlops_ci.images.variants import resolve
from mlops_ci.resources import bundle
from mlops_ci.scanning.binary import find
from mlops_ci.scanning.trivy import Trivy
from mlops_ci.settings.settings import Settings

TOOL_LOCK = "tool.lock"


@dataclass(frozen=True, kw_only=True)
class Lock:
    """The pins of one lock that apply to this Python; `unhashed` are those whose hash for it nobody knows.

    `words` are pip's options where they are for another Python than ours.
    """

    name: str
    pins: tuple[Pin, ...]
    unhashed: tuple[Pin, ...] = ()
    words: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A project on one engine. `cache` is its cache folder."""

    settings: Settings
    engine: str
    cache: Path
    console: Console

    @cached_property
    def variant(self) -> str:
        """The variant, as plan resolves it."""
        gpus = self.settings.tables.train.gpus
        return resolve(self.settings.tables.image, 0 if gpus == "auto" else gpus)

    @property
    def build(self) -> Variant:
        """The build of PyTorch."""
        return catalogue.load().variant(self.settings.tables.image.torch, self.variant)

    @cached_property
    def plans(self) -> tuple[LayerPlan, ...]:
        """The layers from base to top."""
        lookup = image_lookup(self.settings, engine=self.engine, workspace=self.cache)
        return plan_images(self.settings, engine=self.engine, variant=self.variant, lookup=lookup, cache=self.cache)

    @cached_property
    def packages(self) -> PackageSources:
        """Where packages come from."""
        return sources.package_sources(self.settings.tables.mirrors, self.build, root=self.settings.root)

    @property
    def specs(self) -> tuple[LayerSpec, ...]:
        """What the layers are made from."""
        return tuple(plan.spec for plan in self.plans if plan.spec is not None)

    @property
    def base(self) -> BaseImage | None:
        """The image of others at the bottom; the host engine has none."""
        return self.specs[0].base if self.specs else None

    @property
    def period(self) -> str:
        """The period of the lowest layer; nothing on the host engine."""
        return str(self.specs[0].args.get("PERIOD", "")) if self.specs else ""

    @cached_property
    def locks(self) -> tuple[Lock, ...]:
        """The tool's lock, and on the host engine those of the layers: an image holds its packages already."""
        own = Lock(name="tool", pins=_applying(lockfile.read(bundle("requirements") / TOOL_LOCK)))
        return (own, *(self._layer_lock(spec) for spec in self.specs if spec.pins and self.engine == "host"))

    @cached_property
    def extra(self) -> tuple[Lock, ...]:
        """The lock of what is put over the image when a job starts, on either engine."""
        found = extra.plan(self.settings, self.plans, engine=self.engine, variant=self.variant)
        return () if found is None else (Lock(name=extra.NAME, pins=found.pins, words=found.target.words),)

    @property
    def user_layer(self) -> LayerSpec | None:
        """The layer of the user's requirements file, where pip installs it on this machine."""
        return next((spec for spec in self.specs if spec.requirements and self.engine == "host"), None)

    @cached_property
    def trivy(self) -> Trivy:
        """The trusted scanner of this machine."""
        return find(self.settings.root, cache=self.cache / "trivy", ca_bundle=configured_ca_bundle(self.settings))

    def _layer_lock(self, spec: LayerSpec) -> Lock:
        known = catalogue.load()
        pins = _applying(spec.pins)
        special = tuple(pin for pin in pins if pin.name in known.protected)
        return Lock(name=spec.name, pins=pins, unhashed=() if has_hash(self.build) else special)


def _applying(pins: tuple[Pin, ...]) -> tuple[Pin, ...]:
    return tuple(pin for pin in pins if pin.applies())
