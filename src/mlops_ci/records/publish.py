"""Outputs of the publish stage."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ModelRef:
    """A registered model version."""

    name: str
    version: str


@dataclass(frozen=True, kw_only=True)
class ManifestRef:
    """The manifest that commits a publication: its key in the store and its digest."""

    store: str
    key: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ObjectCount:
    """What the store holds for this publication."""

    count: int
    bytes: int
    uploaded: int
    reused: int


@dataclass(frozen=True, kw_only=True)
class PublishOutputs:
    """`signature` is null while signing is not configured."""

    model: ModelRef
    manifest: ManifestRef
    objects: ObjectCount
    signature: str | None = None
