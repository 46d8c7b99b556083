"""The images of a registry, asked and read there: nothing is pulled, and no container engine is needed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_ci.files import write_json
from mlops_ci.images import content_key, layer_stream, layer_tree
from mlops_ci.images.bake import Bake
from mlops_ci.images.layer_tree import Tree
from mlops_ci.images.look import ImageUnreadableError, Inventory
from mlops_ci.images.lookup import ImageFacts, keeps_its_name
from mlops_ci.images.plan import LayerPlan
from mlops_ci.images.store import Description, ImageReplacedError
from mlops_ci.registry.blobs import Blobs, Layer, RemoteImage
from mlops_ci.registry.reference import parse, repository

PLATFORM = "linux/amd64"


@dataclass(kw_only=True)
class RegistryStore:
    """Asks registries; see `ImageStore`. What layers hold is remembered in `cache`, by their digests.

    An image is its manifest here: a digest is the registry's, and the layers of facts are DiffIDs.
    """

    cache: Path
    ca_bundle: Path | None = None
    place: str = "its registry"
    _trees: dict[tuple[str, bool], Tree] = field(default_factory=dict)
    _images: dict[str, RemoteImage] = field(default_factory=dict)
    _opened: Blobs | None = None

    def facts(self, ref: str) -> ImageFacts | None:
        """Two questions. `bytes` are 0 unless all of its layers were read on this machine before."""
        image = self._image(ref)
        if image is None:
            return None
        labels = (image.config.get("config") or {}).get("Labels") or {}
        known = [self._remembered(layer) for layer in image.layers]
        facts = ImageFacts(
            digest=image.digest,
            bytes=sum(one for one in known if one is not None) if None not in known else 0,
            layers=tuple(layer.diff for layer in image.layers),
            labels=labels,
        )
        return facts if keeps_its_name(ref, labels) else None

    def described(self, ref: str) -> Description | None:
        """From its configuration."""
        image = self._image(ref)
        if image is None:
            return None
        steps = tuple(str(one.get("created_by") or "") for one in image.config.get("history") or ())
        return Description(config=image.config.get("config") or {}, history=steps)

    def look(self, ref: str, *, digests: bool = False) -> Inventory:
        """By reading its layers, each of them once."""
        image = self._image(ref)
        if image is None:
            raise ImageUnreadableError(f"{ref} is not in its registry", hint="`mlops-ci build` makes it")
        return layer_tree.chain([self._tree(image.name, layer, digests=digests) for layer in image.layers])

    def unpacked(self, refs: Sequence[str]) -> tuple[int, ...]:
        """By reading what no build on this machine has read."""
        images = [image for ref in refs if (image := self._image(ref)) is not None]
        return tuple(sum(self._bytes(image.name, layer) for layer in image.layers) for image in images)

    def parent(self, ref: str, facts: ImageFacts, digest: str) -> str:  # noqa: ARG002  # a digest is all there is to it
        """By its digest, which can only mean that image."""
        return f"{ref}@{digest}"

    def received(self, plan: LayerPlan, ready: Bake) -> ImageFacts:
        """The image that the builder has pushed by its digest alone: it has no name yet."""
        made = json.loads(ready.metadata.read_bytes())[plan.name]
        name = f"{repository(plan.ref)}@{made.get('containerimage.digest')}"
        found = self.facts(name)
        if found is None or found.labels.get(content_key.LABEL) != plan.content_key:
            raise ImageReplacedError(
                f"{name} is not in its registry as the builder has made it", hint="run the same command again"
            )
        return found

    def own_bytes(self, name: str, facts: ImageFacts, below: ImageFacts | None) -> int:
        """By reading the layers that are new in it."""
        image = self._image(f"{name}@{facts.digest}")
        layers = image.layers if image is not None else ()
        return sum(self._bytes(name, layer) for layer in layers[len(below.layers) if below is not None else 0 :])

    def forget(self, ref: str) -> None:
        """Nothing to do: what was pushed by its digest alone is found by nobody, and the registry clears it away."""

    def _image(self, ref: str) -> RemoteImage | None:
        """What is asked for by its digest never changes, and is asked for once."""
        if ref in self._images:
            return self._images[ref]
        found = self._blobs.image(ref, platform=PLATFORM)
        if found is not None and parse(ref).digest is not None:
            self._images[ref] = found
        return found

    @property
    def _blobs(self) -> Blobs:
        if self._opened is None:
            self._opened = Blobs(ca_bundle=self.ca_bundle)
        return self._opened

    def _bytes(self, name: str, layer: Layer) -> int:
        known = self._remembered(layer)
        if known is None:
            with self._blobs.open(name, layer.digest) as packed:
                known = layer_stream.unpacked_bytes(packed)
            write_json(self._note(layer), known)
        return known

    def _tree(self, name: str, layer: Layer, *, digests: bool) -> Tree:
        key = (layer.digest, digests)
        if key not in self._trees:
            with self._blobs.open(name, layer.digest) as packed:
                self._trees[key] = layer_tree.read(packed, digests=digests)
        return self._trees[key]

    def _remembered(self, layer: Layer) -> int | None:
        found: Any = None
        with suppress(OSError, ValueError):
            found = json.loads(self._note(layer).read_bytes())
        return found if isinstance(found, int) else None

    def _note(self, layer: Layer) -> Path:
        return self.cache / "layers" / f"{layer.digest.removeprefix('sha256:')}.json"
