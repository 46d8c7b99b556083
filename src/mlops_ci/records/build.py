"""Outputs of the build stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from mlops_ci.records.marks import VOLATILE, VOLATILE_CONTENT
from mlops_ci.records.record import FileRef


@dataclass(frozen=True, kw_only=True)
class BuiltImage:
    """A layer's image that exists: `digest` is the image id or manifest digest, `bytes` its unpacked size.

    What is built from the same `content_key` is the same, although not always to the byte.
    """

    ref: Annotated[str, VOLATILE]
    digest: Annotated[str, VOLATILE]
    content_key: str
    built: Annotated[bool, VOLATILE]
    bytes: Annotated[int, VOLATILE]
    seconds: Annotated[float, VOLATILE]


@dataclass(frozen=True, kw_only=True)
class BuildOutputs:
    """`images` from the lowest layer to the one that runs (`top`); `sbom`: CycloneDX, one file per scanned tree.

    `contents`: what is inside these trees beside packages, for a scan on a machine that does not have them.
    `layers`: the file system layers (DiffIDs) below the top image's own, with what brought each.
    """

    images: Mapping[str, BuiltImage]
    top: str
    sbom: tuple[FileRef, ...]
    contents: Annotated[tuple[FileRef, ...], VOLATILE_CONTENT] = ()
    layers: Annotated[Mapping[str, str], VOLATILE] = field(default_factory=dict)
