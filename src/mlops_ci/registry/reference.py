"""Image references: host, repository, tag and digest."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlops_ci.errors import UsageError
from mlops_ci.network import is_loopback

HUB = "docker.io"
HUB_API = "registry-1.docker.io"
COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
REFERENCE = re.compile(
    rf"(?P<repository>{COMPONENT}(?:/{COMPONENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


class ImageReferenceError(UsageError):
    """The text is not an image reference."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """`host` is None for a name without a registry (which a container engine takes to be on Docker Hub)."""

    host: str | None
    repository: str
    tag: str | None
    digest: str | None

    @property
    def api(self) -> str:
        """The address of the registry's API. Plain HTTP only to this machine itself."""
        host = self.host or HUB
        scheme = "http" if is_loopback(host) else "https"
        return f"{scheme}://{HUB_API if host == HUB else host}/v2/{self._path}"

    @property
    def wanted(self) -> str:
        """What to ask for: the digest, else the tag."""
        return self.digest or self.tag or "latest"

    @property
    def _path(self) -> str:
        official = (self.host or HUB) == HUB and "/" not in self.repository
        return f"library/{self.repository}" if official else self.repository


def parse(text: str) -> Reference:
    """The parts of an image reference. The first component is a host if it has a dot or a port, or is `localhost`."""
    first, slash, rest = text.partition("/")
    hosted = bool(slash) and ("." in first or ":" in first or first == "localhost")
    match = REFERENCE.fullmatch(rest if hosted else text)
    if match is None:
        raise ImageReferenceError(
            f"`{text}` is not an image reference", hint="write it like registry.example:5000/team/image:tag@sha256:..."
        )
    return Reference(
        host=first if hosted else None, repository=match["repository"], tag=match["tag"], digest=match["digest"]
    )


def repository(text: str) -> str:
    """The name of an image without its tag and digest."""
    reference = parse(text)
    return f"{reference.host}/{reference.repository}" if reference.host else reference.repository
