"""Outputs of the build stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

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
class SignedImage:
    """An image that was signed: what of it (`image`, `provenance`, `sbom`), and where the signatures are kept.

    `files` are they where no registry keeps them: Sigstore bundles.
    """

    ref: Annotated[str, VOLATILE]
    digest: Annotated[str, VOLATILE]
    what: tuple[str, ...]
    kept: Literal["registry", "files"]
    files: Annotated[tuple[FileRef, ...], VOLATILE_CONTENT] = ()


@dataclass(frozen=True, kw_only=True)
class Signing:
    """Who signed (`by`: a key's fingerprint, or the job's identity) and what, by layer; or `why` nothing is signed."""

    by: Annotated[str, VOLATILE] = ""
    images: Annotated[Mapping[str, SignedImage], VOLATILE] = field(default_factory=dict)
    why: Annotated[str, VOLATILE] = ""


@dataclass(frozen=True, kw_only=True)
class ExtraPackages:
    """What `[image] extra` puts over the image at the start of every job: the `lock`, the digest of what it asks for.

    `packages` as `name version`; `replaced` are those that the image has in another version; `bytes` unpacked.
    """

    lock: str
    sha256: str
    packages: tuple[str, ...]
    replaced: tuple[str, ...] = ()
    bytes: Annotated[int, VOLATILE] = 0


@dataclass(frozen=True, kw_only=True)
class BuildOutputs:
    """`images` from the lowest layer to the one that runs (`top`); `sbom`: CycloneDX, one file per scanned tree.

    `contents`: what is inside these trees beside packages, for a scan on a machine that does not have them.
    `layers`: the file system layers (DiffIDs) below the top image's own, with what brought each.
    `signing`: what was signed; null where nothing is asked to be. `extra`: packages over the image; null without any.
    """

    images: Mapping[str, BuiltImage]
    top: str
    sbom: tuple[FileRef, ...]
    contents: Annotated[tuple[FileRef, ...], VOLATILE_CONTENT] = ()
    layers: Annotated[Mapping[str, str], VOLATILE] = field(default_factory=dict)
    signing: Signing | None = None
    extra: ExtraPackages | None = None
