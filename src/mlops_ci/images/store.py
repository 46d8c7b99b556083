"""Where the images of a project are: in the container engine of this machine, or in a registry alone.

Builds, sizes and rules ask this, and know no other place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mlops_ci.errors import InfrastructureError
from mlops_ci.images.bake import Bake
from mlops_ci.images.look import Inventory
from mlops_ci.images.lookup import ImageFacts
from mlops_ci.images.plan import LayerPlan
from mlops_ci.settings.settings import Settings


class ImageReplacedError(InfrastructureError):
    """Something else changed an image of ours while we were building on it."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """What an image says of itself: its configuration, and the commands that made it."""

    config: Mapping[str, Any]
    history: tuple[str, ...]


class ImageStore(Protocol):
    """Keeps images. One implementation per kind of place."""

    @property
    def place(self) -> str:
        """In words, for people: `this engine`, `its registry`."""

    def facts(self, ref: str) -> ImageFacts | None:
        """What is known of an image; None when it is not there, or another stands under our own tag."""

    def described(self, ref: str) -> Description | None:
        """What an image says of itself; None when it is not there."""

    def look(self, ref: str, *, digests: bool = False) -> Inventory:
        """What is in it. Raises `ImageUnreadableError`."""

    def unpacked(self, refs: Sequence[str]) -> tuple[int, ...]:
        """The bytes that all layers of each image hold, unpacked."""

    def parent(self, ref: str, facts: ImageFacts, digest: str) -> str:
        """The name by which the builder finds that image, to build on it.

        `digest` is the one that others see. Raises `ImageReplacedError` when the name means another image by now.
        """

    def received(self, plan: LayerPlan, ready: Bake) -> ImageFacts:
        """The image that the builder has just made. Raises `ImageReplacedError` when it is another."""

    def own_bytes(self, name: str, facts: ImageFacts, below: ImageFacts | None) -> int:
        """The bytes that an image of the repository `name` holds beyond the one below it, unpacked; without one, all
        of them.
        """

    def forget(self, ref: str) -> None:
        """Let nobody find an image that failed."""


def made_elsewhere(settings: Settings, engine: str) -> bool:
    """Whether a builder that is no engine makes the images of this project, and a registry alone has them.

    With the engine `inside` too: then jobs run in the container around them, in an image that was made so.
    """
    return settings.tables.image.without_engine and engine in ("docker", "inside")


def made_in_words(settings: Settings) -> str:
    """How the images are made and kept, for people."""
    image = settings.tables.image
    return f"images: built by {image.builder}, kept and read in {image.registry}; no container engine is asked for them"


def image_engine(settings: Settings, engine: str) -> str:
    """The kind of images that an engine has: `docker`, `host`, or `inside` for one that others made."""
    return "docker" if engine == "inside" and made_elsewhere(settings, engine) else engine
