"""Outputs of the publish stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mlops_ci.records.marks import VOLATILE
from mlops_ci.records.record import FileRef


@dataclass(frozen=True, kw_only=True)
class ModelRef:
    """A registered model version."""

    name: str
    version: str


@dataclass(frozen=True, kw_only=True)
class ManifestRef:
    """The manifest that commits a publication: its key in the store and its digest."""

    store: Annotated[str, VOLATILE]
    key: Annotated[str, VOLATILE]
    sha256: Annotated[str, VOLATILE]


@dataclass(frozen=True, kw_only=True)
class ObjectCount:
    """What the store holds for this publication."""

    count: int
    bytes: Annotated[int, VOLATILE]
    uploaded: int
    reused: int


@dataclass(frozen=True, kw_only=True)
class PublishOutputs:
    """`signature` says who signed the model, null when nobody did; `signed` are the manifest and its signature then."""

    model: ModelRef
    manifest: ManifestRef
    objects: ObjectCount
    signature: Annotated[str | None, VOLATILE] = None
    signed: Annotated[tuple[FileRef, ...], VOLATILE] = ()
