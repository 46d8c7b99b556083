"""The table `[mirrors]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class MirrorSettings:
    """Every address outside, for sites without the internet."""

    images: Mapping[str, str] = field(default_factory=dict)
    """Base images: short name (`debian:bookworm-slim`) = reference to take instead."""
    index: str | None = None
    """Python package index (PEP 503) instead of pip's own setting."""
    torch_index: str | None = None
    """Index of PyTorch wheels instead of PyTorch's own."""
    find_links: tuple[str, ...] = ()
    """Folders or pages with wheels, searched beside the index."""
    apt: str | None = None
    """Debian mirror, the part before `/debian` and `/debian-security`."""
    ca_bundle: str | None = None
    """CA bundle for everything that speaks TLS, builds included. Default: the system's."""
    trivy_db: str | None = None
    """OCI repository of Trivy's vulnerability database."""
