"""The index of an archive: what is in it, for which project and machine it was made, and what could not be had."""

from __future__ import annotations

import re
from dataclasses import dataclass

SCHEMA = "mlops-ci/mirror/1"
WHEEL, TOOL, IMAGE, DATABASE, ACTION, LOCK = "wheel", "tool", "image", "database", "action", "lock"
# Nothing that an index names may leave the folder that it is laid out in.
PATH = re.compile(r"(?:wheels|tool|images|trivy|actions)(?:/[A-Za-z0-9_+!][A-Za-z0-9._+!-]*)+")


@dataclass(frozen=True, kw_only=True)
class Member:
    """One file of the archive; `name` and `version` are those of what it carries."""

    path: str
    bytes: int
    sha256: str
    kind: str
    name: str
    version: str


@dataclass(frozen=True, kw_only=True)
class ImageEntry:
    """A finished layer. `project` is None for the catalogue's layers; `ref` is its name inside the archive.

    `image` is its part of the image's name where that is not the layer's own.
    """

    layer: str
    project: str | None
    content_key: str
    ref: str
    image: str = ""


@dataclass(frozen=True, kw_only=True)
class BaseEntry:
    """The image of others at the bottom: `digest` is part of the content keys; `ref` is its name in the archive."""

    name: str
    digest: str
    pinned: bool
    ref: str | None = None


@dataclass(frozen=True, kw_only=True)
class DatabaseEntry:
    """The scanner's database."""

    built_at: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Index:
    """The first member of the archive. `period` is the one in which the lowest layer was built (Docker engine)."""

    schema: str = SCHEMA
    version: str
    project: str
    engine: str
    variant: str
    python: str
    platform: str
    period: str = ""
    base: BaseEntry | None = None
    images: tuple[ImageEntry, ...] = ()
    database: DatabaseEntry | None = None
    missing: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()

    def of_kind(self, *kinds: str) -> tuple[Member, ...]:
        """The members of these kinds."""
        return tuple(member for member in self.members if member.kind in kinds)
