"""Names of images and environments. Every tag is made from a content key, so that no name ever changes its meaning."""

from __future__ import annotations

import re
from pathlib import Path

from mlops_ci.errors import UsageError

LOCAL_PREFIX = "mlops-ci"
MIRROR_PREFIX = f"{LOCAL_PREFIX}/mirror/"
TAG_DIGITS = 20
FOLDER_DIGITS = 16
LONGEST_SLUG = 64
ENVIRONMENT_SCHEME = "env:"
REGISTRY = re.compile(r"(?P<host>[a-z0-9.-]+(?::\d+)?)(?P<path>(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)")


class RegistryNameError(UsageError):
    """`[image] registry` is no registry and prefix."""


def slug(text: str) -> str:
    """`text` as a part of an image's name: small letters, digits and single dashes."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:LONGEST_SLUG].strip("-")
    return plain or "project"


def tag(key: str) -> str:
    """The immutable tag of a content key."""
    return f"c-{key[:TAG_DIGITS]}"


def is_key_tag(text: str) -> bool:
    """Whether a tag is one that `tag` makes."""
    return re.fullmatch(rf"c-[0-9a-f]{{{TAG_DIGITS}}}", text) is not None


def image_ref(project: str | None, layer: str, key: str, *, registry: str | None) -> str:
    """The reference of a layer's image; without a `project` it is every project's. Raises `RegistryNameError`."""
    parts = [slug(part) for part in (project, layer) if part is not None]
    name = "-".join(parts) if registry else "/".join((LOCAL_PREFIX, *parts))
    return f"{check_registry(registry)}/{name}:{tag(key)}" if registry else f"{name}:{tag(key)}"


def mirror_ref(name: str, digest: str) -> str:
    """Our own immutable name in the engine for an external base image that has no registry behind it."""
    return f"{MIRROR_PREFIX}{slug(name)}:{tag(digest.removeprefix('sha256:'))}"


def is_mirror(ref: str) -> bool:
    """Whether a reference is one that `mirror_ref` makes: of an image that is not ours, and has no label of ours."""
    return ref.startswith(MIRROR_PREFIX)


def environment_ref(cache: Path, layer: str, key: str) -> str:
    """The reference of a layer's virtual environment on the host engine."""
    return f"{ENVIRONMENT_SCHEME}{(cache / 'environments' / f'{slug(layer)}-{key[:FOLDER_DIGITS]}').resolve()}"


def environment_folder(ref: str) -> Path:
    """The folder of an environment's reference."""
    return Path(ref.removeprefix(ENVIRONMENT_SCHEME))


def check_registry(registry: str) -> str:
    """`registry` without a final slash. Raises `RegistryNameError` unless it starts with a host."""
    name = registry.rstrip("/")
    match = REGISTRY.fullmatch(name)
    if match is None or not ("." in match["host"] or ":" in match["host"] or match["host"] == "localhost"):
        raise RegistryNameError(
            f"[image] registry `{registry}` is not a registry and prefix in small letters",
            hint="write host and prefix, such as `ghcr.io/org/images`, `localhost:5000/images` or `docker.io/org`",
        )
    return name
