"""What exists already: one question per image, to the registry that its name starts with, else to the engine.

The host engine's environments are asked for in their folder. "Does not exist" is None; "could not ask" raises.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_ci.errors import InternalError, UsageError
from mlops_ci.images import content_key, naming
from mlops_ci.registry.client import RegistryDeniedError
from mlops_ci.registry.reference import parse
from mlops_ci.settings.settings import Settings

MARKER = ".complete"
MARKER_SCHEMA = "mlops-ci/environment/1"


class BuilderNeedsRegistryError(UsageError):
    """`[image] builder` names a builder that cannot see what only this engine has."""


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """An image or environment that exists: `digest` as `sha256:...`, `bytes` unpacked (0 when only a registry has it).

    `layers` are the digests of its file system layers, lowest first (images of the engine only).
    """

    digest: str
    bytes: int = 0
    layers: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


Lookup = Callable[[str], ImageFacts | None]


def image_lookup(settings: Settings, *, engine: str, workspace: Path) -> Lookup:
    """The lookup for an engine (docker, host, inside); `workspace` is the cache folder of the project.

    Where a builder that is no engine makes the images, no engine is asked: what only one has is of no use to it.
    """
    if engine == "docker":
        asked = not settings.tables.image.without_engine
        return DockerLookup(ca_bundle=configured_ca_bundle(settings), engine=asked)
    if engine == "host":
        return EnvironmentLookup(workspace / "environments")
    return _nothing


def configured_ca_bundle(settings: Settings) -> Path | None:
    """The CA bundle that the settings name."""
    name = settings.tables.mirrors.ca_bundle
    return settings.root / name if name else None


# Registries that answer "denied" for an image that was never pushed: nobody is to learn what is there. A push without
# the right to it is refused, and said, all the same.
HIDING = frozenset({"ghcr.io"})


class DockerLookup:
    """Asks the registry for names that start with one, and the `engine`, where there is one, for all others."""

    def __init__(self, *, ca_bundle: Path | None = None, engine: bool = True) -> None:
        from mlops_ci.registry.client import Registry

        self._registry = Registry(ca_bundle=ca_bundle)
        self._engine = engine

    def __call__(self, ref: str) -> ImageFacts | None:
        """One question."""
        if parse(ref).host is None:
            if not self._engine:
                raise BuilderNeedsRegistryError(
                    f"{ref} names no registry, and the builder that [image] builder names sees no image of an engine",
                    hint="push it to a registry, and write its full name there ([mirrors] images)",
                )
            return engine_image(ref)
        try:
            digest = self._registry.head(ref)
        except RegistryDeniedError:
            if parse(ref).host not in HIDING:
                raise
            return None
        return None if digest is None else ImageFacts(digest=digest)


def engine_image(ref: str) -> ImageFacts | None:
    """What the container engine knows of an image; None when it does not have it, or another under our own tag."""
    from mlops_ci.engines.docker_socket import DockerSocket

    found = DockerSocket().image(ref)
    if found is None:
        return None
    labels: Mapping[str, str] = (found.get("Config") or {}).get("Labels") or {}
    facts = ImageFacts(
        digest=str(found["Id"]),
        bytes=int(found.get("Size") or 0),
        layers=tuple((found.get("RootFS") or {}).get("Layers") or ()),
        digests=tuple(found.get("RepoDigests") or ()),
        labels=labels,
    )
    return facts if keeps_its_name(ref, labels) else None


def keeps_its_name(ref: str, labels: Mapping[str, str]) -> bool:
    """Whether an image may have its name: a tag made from a content key is for an image with that key.

    Anybody may move a tag.
    """
    tag = parse(ref).tag or ""
    if not naming.is_key_tag(tag) or naming.is_mirror(ref):
        return True
    return naming.tag(labels.get(content_key.LABEL, "")) == tag


class EnvironmentLookup:
    """Reads the marker that is written last into a finished environment."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def __call__(self, ref: str) -> ImageFacts | None:
        """The environment, when it is finished, still lies where it was made, and its Python is still there."""
        path = naming.environment_folder(ref)
        if path.parent != self._folder:
            raise InternalError(f"{ref} is not in {self._folder}")
        marker = read_marker(path)
        if marker is None or marker.get("folder") != str(path) or not (path / "bin" / "python").exists():
            return None
        return ImageFacts(digest=str(marker["digest"]), bytes=int(marker["bytes"]))


def read_marker(path: Path) -> dict[str, Any] | None:
    """The marker of an environment's folder; None when it was never finished."""
    try:
        marker = json.loads((path / MARKER).read_bytes())
    except (OSError, ValueError):
        return None
    return marker if isinstance(marker, dict) and marker.get("schema") == MARKER_SCHEMA else None


def _nothing(ref: str) -> ImageFacts | None:  # noqa: ARG001
    return None
