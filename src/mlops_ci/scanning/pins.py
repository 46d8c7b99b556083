"""The pinned data of the scanner, from `resources/trivy.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from mlops_ci.resources import read_toml


@dataclass(frozen=True, kw_only=True)
class Canary:
    """How to ask the database about an ecosystem: an ancient `version`, the purl prefix, `names` of known packages."""

    version: str
    purl: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Pins:
    """`checksums` maps the SHA-256 of a trusted binary to its version; times in seconds, sizes in bytes."""

    oldest: str
    refused: tuple[str, ...]
    checksums: Mapping[str, str]
    download_timeout: float
    download_attempts: int
    transient: tuple[str, ...]
    largest_output: int
    skip_folders: tuple[str, ...]
    skip_files: tuple[str, ...]
    skip_archives: tuple[str, ...]
    canaries: Mapping[str, Canary]


@cache
def pins() -> Pins:
    """The pins of this release."""
    data = read_toml("trivy.toml")
    return Pins(
        oldest=data["oldest"],
        refused=tuple(data["refused"]),
        checksums={one["sha256"]: one["version"] for one in data["binary"]},
        download_timeout=float(data["database"]["download_timeout"]),
        download_attempts=data["database"]["attempts"],
        transient=tuple(data["database"]["transient"]),
        largest_output=data["output"]["largest"],
        skip_folders=tuple(data["secrets"]["skip_folders"]),
        skip_files=tuple(data["secrets"]["skip_files"]),
        skip_archives=tuple(data["packages"]["skip_files"]),
        canaries={
            name: Canary(version=one["version"], purl=one.get("purl", ""), names=tuple(one.get("names", ())))
            for name, one in data["canary"].items()
        },
    )
