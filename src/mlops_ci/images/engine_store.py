"""The images of the container engine of this machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from mlops_ci.console import Console
from mlops_ci.engines.docker_socket import DockerSocket
from mlops_ci.images import content_key, look, sizes, transfer
from mlops_ci.images.bake import Bake
from mlops_ci.images.look import Inventory
from mlops_ci.images.lookup import ImageFacts, engine_image
from mlops_ci.images.plan import LayerPlan
from mlops_ci.images.store import Description, ImageReplacedError


@dataclass(frozen=True, kw_only=True)
class EngineStore:
    """Asks the engine on its socket; see `ImageStore`."""

    console: Console
    place: str = "this engine"

    def facts(self, ref: str) -> ImageFacts | None:
        """One question."""
        return engine_image(ref)

    def described(self, ref: str) -> Description | None:
        """Two questions."""
        engine = DockerSocket()
        found = engine.image(ref)
        if found is None:
            return None
        steps = tuple(str(entry.get("CreatedBy") or "") for entry in engine.history(ref))
        return Description(config=found.get("Config") or {}, history=steps)

    def look(self, ref: str, *, digests: bool = False) -> Inventory:
        """By a program that runs in it."""
        return look.look(ref, digests=digests)

    def unpacked(self, refs: Sequence[str]) -> tuple[int, ...]:
        """As the engine says it."""
        return tuple(sizes.unpacked_bytes(ref) for ref in refs)

    def parent(self, ref: str, facts: ImageFacts, digest: str) -> str:  # noqa: ARG002  # others see it, the builder not
        """Its immutable tag, which must still mean the image that was seen."""
        now = engine_image(ref)
        if now is None or now.digest != facts.digest:
            raise ImageReplacedError(
                f"{ref} is gone or means another image than the one that was just made",
                hint="run the same command again; does something clean up images here?",
            )
        return ref

    def received(self, plan: LayerPlan, ready: Bake) -> ImageFacts:
        """The image behind the plan's name, which must be the one that the builder says it made."""
        if ready.archive is not None:
            transfer.load(ready.archive, self.console)
        made = json.loads(ready.metadata.read_bytes())[plan.name]
        found = engine_image(plan.ref)
        names = {made.get("containerimage.digest"), made.get("containerimage.config.digest")}
        if found is None or found.digest not in names or found.labels.get(content_key.LABEL) != plan.content_key:
            raise ImageReplacedError(
                f"{plan.ref} is not the image that the builder has just made", hint="run the same command again"
            )
        return found

    def own_bytes(self, name: str, facts: ImageFacts, below: ImageFacts | None) -> int:  # noqa: ARG002  # one engine
        """By the difference of two images."""
        lower = sizes.unpacked_bytes(below.digest) if below is not None else 0
        return sizes.unpacked_bytes(facts.digest) - lower

    def forget(self, ref: str) -> None:
        """It loses its name here."""
        transfer.remove(ref, self.console)
