"""The table `[mirrors]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from mlops_ci.settings.marks import Example, Stricter
from mlops_ci.settings.table import Table
from mlops_ci.settings.words import Address, Text


@dataclass(frozen=True, kw_only=True)
class MirrorSettings(Table):
    """Every address outside, for sites without the internet."""

    images: Annotated[Mapping[str, Text], Stricter("listed-or-unset")] = field(default_factory=dict)
    """Base images: short name (`debian:bookworm-slim`) = reference to take instead."""
    index: Annotated[Text | None, Example("https://mirror.example/python/simple"), Stricter("listed")] = None
    """Python package index (PEP 503) instead of pip's own setting."""
    torch_index: Annotated[Text | None, Example("https://mirror.example/torch/cpu"), Stricter("listed")] = None
    """Index of PyTorch wheels instead of PyTorch's own."""
    find_links: Annotated[tuple[Text, ...], Stricter("listed-or-unset")] = ()
    """Folders or pages with wheels, searched beside the index."""
    apt: Annotated[Address | None, Example("https://mirror.example"), Stricter("listed")] = None
    """Debian mirror, the part before `/debian` and `/debian-security`."""
    ca_bundle: Annotated[Text | None, Example("/etc/ssl/certs/ca-certificates.crt")] = None
    """CA bundle for everything that speaks TLS, builds included. Default: the system's."""
    trivy_db: Annotated[Text | None, Example("mirror.example/aquasecurity/trivy-db:2"), Stricter("listed")] = None
    """OCI repository of Trivy's vulnerability database."""
    period: Annotated[Text | None, Example("2026-11")] = None
    """The period of the lowest image layer instead of the current one: finished layers of an archive stay good."""
