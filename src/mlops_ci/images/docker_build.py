"""Images of containers: one `docker buildx bake` per missing layer, each on its parent's immutable name."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mlops_ci import process
from mlops_ci.console import Console
from mlops_ci.errors import InternalError
from mlops_ci.file_lock import FileLock
from mlops_ci.images import bake, build_failure, catalogue, naming, sizes, tags, transfer
from mlops_ci.images.abilities import abilities
from mlops_ci.images.bake import Bake
from mlops_ci.images.base_image import BaseImage
from mlops_ci.images.build_failure import BaseImageUnavailableError, BuildNetworkError
from mlops_ci.images.builder import ENGINE_BUILDER, buildx, docker_environment, known_as, probe
from mlops_ci.images.catalogue import Variant
from mlops_ci.images.delivery import Delivery, delivery
from mlops_ci.images.labels import labels
from mlops_ci.images.lookup import (
    BuilderNeedsRegistryError,
    ImageFacts,
    Lookup,
    configured_ca_bundle,
    engine_image,
)
from mlops_ci.images.plan import LayerPlan, remember
from mlops_ci.images.sources import PackageSources
from mlops_ci.images.specs import LayerSpec
from mlops_ci.images.store import ImageReplacedError, ImageStore
from mlops_ci.network import RetryPolicy, retry
from mlops_ci.progress import long_step
from mlops_ci.records.build import BuiltImage
from mlops_ci.registry.client import Registry
from mlops_ci.registry.reference import parse, repository
from mlops_ci.settings.settings import Settings

# pip and apt try again by themselves, so one more try of the whole step is enough. Seconds.
AGAIN = RetryPolicy(attempts=2, first_wait=2.0)


@dataclass(kw_only=True)
class DockerBuild:
    """One run of the builder over a plan. `lookup` asks the registry again before anything is pushed to it.

    `store` is where images are while they are built: the engine, or the registry that another builder pushes to.
    `here`: an image that is reused is wanted in the engine, and not only where it is.
    """

    settings: Settings
    variant: Variant
    cache: Path
    console: Console
    packages: PackageSources
    lookup: Lookup
    store: ImageStore
    here: bool = True
    images: dict[str, BuiltImage] = field(default_factory=dict)
    _base: BaseImage | None = None

    def run(self, plans: Sequence[LayerPlan]) -> dict[str, BuiltImage]:
        """The images from base to top. What exists is used as it is, and then no builder is started."""
        if self._elsewhere and not self.settings.tables.image.registry:
            raise BuilderNeedsRegistryError(
                f"[image] builder = `{self._elsewhere}` has no place to put images: it is not the engine",
                hint="set [image] registry, or leave out [image] builder",
            )
        for secret in self.packages.secrets():
            self.console.secret(secret)
        lowest = plans[0].spec
        self._base = lowest.base if lowest is not None else None
        start = max((index for index, plan in enumerate(plans) if plan.found is not None), default=-1)
        for plan in plans[: max(start, 0)] if self._elsewhere is None else ():
            self._note_lower(plan)
        above = start + 1 < len(plans)
        facts = self._reuse(plans[start], above=above) if start >= 0 else None
        for index in range(start + 1, len(plans)):
            facts = self._build(plans[index], plans[:index], facts)
        return self.images

    def _note_lower(self, plan: LayerPlan) -> None:
        """An image below one that exists: recorded when the engine has it, not needed when it has not."""
        found = engine_image(plan.ref)
        if found is not None:
            self.images[plan.name] = _record(plan, found, digest=self._shared_digest(plan, found))

    def _shared_digest(self, plan: LayerPlan, found: ImageFacts) -> str:
        """The digest that others see of an image that the engine has: where there is a registry, the registry's."""
        if not self.settings.tables.image.registry:
            return found.digest
        said = {one.rpartition("@")[2] for one in found.digests if one.startswith(f"{repository(plan.ref)}@")}
        if len(said) == 1:
            return said.pop()
        there = self.lookup(plan.ref)
        return there.digest if there is not None else found.digest

    def _reuse(self, plan: LayerPlan, *, above: bool) -> ImageFacts:
        """An image that exists, brought here when only the registry has it and somebody is to use it.

        `above`: something is built on it.
        """
        here = self.here or above
        found = plan.found
        if found is None:
            raise InternalError(f"the layer {plan.name} was planned for reuse without having been found")
        started = time.monotonic()
        facts = found
        if self._elsewhere is not None:
            # What something is built on must be known by its layers; of what is only used its digest is enough.
            facts = (self.store.facts(f"{plan.ref}@{found.digest}") if above else None) or found
        elif not found.layers and here:
            in_engine = engine_image(plan.ref)
            if in_engine is None or not any(name.endswith(found.digest) for name in in_engine.digests):
                with long_step(self.console, f"pull-{plan.name}", f"pulling {plan.ref}"):
                    in_engine = transfer.pull(plan.ref, self.console)
            facts = in_engine
        self.images[plan.name] = _record(plan, facts, digest=found.digest, seconds=time.monotonic() - started)
        return facts

    def _build(self, plan: LayerPlan, below: Sequence[LayerPlan], parent: ImageFacts | None) -> ImageFacts:
        spec = plan.spec
        if spec is None:
            raise InternalError(f"nothing says what the layer {plan.name} is made from")
        started = time.monotonic()
        with long_step(self.console, f"build-{plan.name}", f"building the layer {plan.name}"):
            named = self._parent(spec, below[-1] if below else None, parent)
            facts = retry(
                lambda: self._bake(plan, spec, named, below),
                transient=lambda error: isinstance(error, BuildNetworkError | BaseImageUnavailableError),
                policy=AGAIN,
                on_retry=lambda error, _, wait: self.console.say(f"{error}; trying again in {wait:.0f} s"),
            )
            if not _stands_on(facts, parent):
                # A user's Dockerfile: the cache may know its steps from a parent that only had the same files.
                self.console.say(f"the builder's cache gave {plan.name} on another image: building without cache")
                self.store.forget(plan.ref)
                facts = self._bake(plan, spec, named, below, cached=False)
            if not _stands_on(facts, parent):
                raise ImageReplacedError(
                    f"the layer {plan.name} was not built on {named['BASE_IMAGE']}: that name changed its meaning",
                    hint="run the same command again; does something else tag images as mlops-ci/... here?",
                )
            self._weigh(plan, spec, facts, parent)
            digest, built = self._share(plan, facts)
            facts = self._shared(plan, facts, digest, built=built)
        remember(self.cache, plan)
        self.images[plan.name] = _record(plan, facts, digest=digest, seconds=time.monotonic() - started, built=built)
        return facts

    def _parent(self, spec: LayerSpec, below: LayerPlan | None, parent: ImageFacts | None) -> dict[str, str]:
        """The arguments that name the image below, after a look whether it still is what we think."""
        if spec.base is not None:
            if spec.base.alias_of is not None and self._elsewhere:
                raise BuilderNeedsRegistryError(
                    f"the base image {spec.base.alias_of} is in this engine alone, and the builder {self._elsewhere} "
                    "cannot see it",
                    hint="name an image of a registry in [mirrors] images",
                )
            if spec.base.alias_of is not None:
                transfer.alias(spec.base.alias_of, spec.base.ref, spec.base.digest, self.console)
            return {"BASE_IMAGE": spec.base.ref}
        if below is None or parent is None:
            raise InternalError("a layer has neither a parent nor a base image")
        seen = self.store.parent(below.ref, parent, self.images[below.name].digest)
        # A user's Dockerfile knows nothing of the second one, and need not.
        own = {"PARENT": parent.digest} if spec.context is None else {}
        return {"BASE_IMAGE": seen, **own}

    def _bake(
        self,
        plan: LayerPlan,
        spec: LayerSpec,
        parent: Mapping[str, str],
        below: Sequence[LayerPlan],
        *,
        cached: bool = True,
    ) -> ImageFacts:
        """One call of the builder, and the image that it left in the engine.

        Projects of a machine may share the cache (MLOPS_CI_CACHE), and so the folder of a layer: one at a time.
        """
        name = f"{naming.slug(plan.name)}-{plan.content_key[: naming.FOLDER_DIGITS]}"
        folder = self.cache.resolve() / "builds" / name
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{name}.lock")):
            try:
                ready = bake.prepare(
                    plan,
                    spec,
                    folder=folder,
                    parent=parent,
                    packages=self.packages,
                    below={pin.name for lower in below if lower.spec for pin in lower.spec.pins},
                    labels={**labels(self.settings, plan, self.variant, self._base), **spec.labels},
                    delivery=self._delivery(plan, folder),
                )
                self._call(spec, ready, cached=cached)
                return self.store.received(plan, ready)
            finally:
                for path in (folder / "context", folder / "pip", folder / "apt", folder / "image.tar"):
                    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    @property
    def _elsewhere(self) -> str | None:
        """The builder that is not the engine itself; None for the engine's own."""
        return self.settings.tables.image.builder

    def _delivery(self, plan: LayerPlan, folder: Path) -> Delivery:
        can = abilities(self.cache, self._elsewhere or ENGINE_BUILDER)
        return delivery(can, plan.ref, self.variant.id, folder, pushed=self._elsewhere is not None)

    def _call(self, spec: LayerSpec, ready: Bake, *, cached: bool) -> None:
        finished = process.run(
            [
                *buildx("bake", "--builder", known_as(self._elsewhere or ENGINE_BUILDER), "--progress", "plain"),
                *("--file", ready.file, "--metadata-file", ready.metadata),
                *probe().allow(ready.reads),
                *(() if cached else ("--no-cache",)),
                ready.target,
            ],
            cwd=ready.folder,
            environment=docker_environment(),
            on_line=self.console.output,
            redactor=self.console.redactor,
            echo=self.console.output,
            check=False,
            leashed=True,
        )
        if finished.exit_code != 0:
            raise build_failure.error_for(spec, finished.stderr.splitlines() + finished.stdout.splitlines())

    def _weigh(self, plan: LayerPlan, spec: LayerSpec, facts: ImageFacts, parent: ImageFacts | None) -> None:
        """Fail when the layer is beyond its budget; an image that failed is nobody's to reuse."""
        # The lowest layer counts with the image of others below it, which the engine need not have by itself.
        own = self.store.own_bytes(repository(plan.ref), facts, parent)
        try:
            sizes.check_budget(plan.name, own, spec.budget)
        except sizes.ImageTooBigError:
            self.store.forget(plan.ref)
            raise

    def _share(self, plan: LayerPlan, facts: ImageFacts) -> tuple[str, bool]:
        """The digest that others see, and whether it is ours: who comes second takes what the registry has."""
        if not self.settings.tables.image.registry:
            return facts.digest, True
        there = self.lookup(plan.ref)
        if there is None:
            digest = self._publish(plan, facts)
            # Another job may have pushed the same key meanwhile: what stands there now is the one image of both.
            there = self.lookup(plan.ref)
            if there is None or there.digest == digest:
                self._tag(plan, digest)
                return digest, True
        if self._elsewhere is None:
            transfer.pull(plan.ref, self.console)
        return there.digest, False

    def _publish(self, plan: LayerPlan, facts: ImageFacts) -> str:
        """Give the image its name in the registry; its digest there."""
        if self._elsewhere is None:
            return transfer.push(plan.ref, self.console)
        return self._registry.tag(f"{repository(plan.ref)}@{facts.digest}", parse(plan.ref).wanted)

    def _shared(self, plan: LayerPlan, facts: ImageFacts, digest: str, *, built: bool) -> ImageFacts:
        """What the next layer stands on: the image that all have, which is not ours when somebody was quicker."""
        if self._elsewhere is not None:
            known = self.store.facts(f"{plan.ref}@{digest}")
        else:
            known = facts if built else self.store.facts(plan.ref)
        return known if known is not None else facts

    def _tag(self, plan: LayerPlan, digest: str) -> None:
        """Readable tags on the very manifest that was pushed."""
        if not self.settings.tables.image.tags:
            return
        known = catalogue.load()
        for name in tags.readable(self.variant, known.layers.get(plan.name), datetime.now(UTC).date()):
            self._registry.tag(f"{plan.ref}@{digest}", name)
            self.console.say(f"tagged {plan.name} as {name}")

    @property
    def _registry(self) -> Registry:
        return Registry(ca_bundle=configured_ca_bundle(self.settings))


def _stands_on(facts: ImageFacts, parent: ImageFacts | None) -> bool:
    return parent is None or facts.layers[: len(parent.layers)] == parent.layers


def _record(
    plan: LayerPlan, facts: ImageFacts, *, digest: str, seconds: float = 0.0, built: bool = False
) -> BuiltImage:
    return BuiltImage(
        ref=plan.ref,
        digest=digest,
        content_key=plan.content_key,
        built=built,
        bytes=facts.bytes,
        seconds=round(seconds, 3),
    )
