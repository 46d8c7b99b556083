"""Outputs of the prepare stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mlops_ci.records.marks import VOLATILE


@dataclass(frozen=True, kw_only=True)
class PrepareOutputs:
    """`data` is the folder that training sees (null without data); digests are SHA-256 over a listing of all files."""

    data: Annotated[str | None, VOLATILE]
    source_digest: str | None
    data_digest: str | None
    files: int
    bytes: int
    cached: Annotated[bool, VOLATILE]
