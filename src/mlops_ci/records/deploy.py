"""Outputs of the deploy stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from mlops_ci.records.marks import VOLATILE, VOLATILE_CONTENT
from mlops_ci.records.record import FileRef
from mlops_ci.records.scan import ScanOutputs


@dataclass(frozen=True, kw_only=True)
class DeployedImage:
    """The image that serves. `pinned` names it with its digest; `tags` are the names that this stage moved to it."""

    ref: Annotated[str, VOLATILE]
    digest: Annotated[str, VOLATILE]
    pinned: Annotated[str, VOLATILE]
    content_key: Annotated[str, VOLATILE]
    variant: str
    built: Annotated[bool, VOLATILE]
    bytes: Annotated[int, VOLATILE]
    tags: Annotated[tuple[str, ...], VOLATILE] = ()


@dataclass(frozen=True, kw_only=True)
class SmokeCheck:
    """One question that the running container was asked from outside its server."""

    id: str
    status: Literal["PASS", "FAIL", "SKIP"]
    why: Annotated[str, VOLATILE]


@dataclass(frozen=True, kw_only=True)
class DeployOutputs:
    """`scan` is that of this image alone, against the same policy. `command`: the deployment that it was handed to."""

    model: str
    version: str
    image: DeployedImage
    scan: ScanOutputs | None = None
    smoke: tuple[SmokeCheck, ...] = ()
    device: str = ""
    ready_seconds: Annotated[float, VOLATILE] = 0.0
    signed_by: Annotated[str, VOLATILE] = ""
    sbom: Annotated[tuple[FileRef, ...], VOLATILE_CONTENT] = ()
    command: str | None = None
