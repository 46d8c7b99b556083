"""Outputs of the scan stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from mlops_ci.records.marks import VOLATILE, VOLATILE_CONTENT
from mlops_ci.records.record import FileRef


@dataclass(frozen=True, kw_only=True)
class FindingCount:
    """Findings of one severity. `waived` ones somebody answers for; `not_affected` ones a VEX document sets aside."""

    total: int = 0
    fixable: int = 0
    new_since_base: int = 0
    waived: int = 0
    not_affected: int = 0


@dataclass(frozen=True, kw_only=True)
class DatabaseInfo:
    """The vulnerability database that was used: `digest` is the SHA-256 of its file."""

    built_at: str
    age_hours: Annotated[float, VOLATILE]
    digest: str


@dataclass(frozen=True, kw_only=True)
class ScanPart:
    """One part of the scan (vulnerabilities, secrets, misconfiguration): what could not be judged is SKIP, with why."""

    name: str
    status: Literal["PASS", "FAIL", "SKIP"]
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class ScanOutputs:
    """`findings` by severity (CRITICAL, HIGH, ...) over all parts; `db` is null when nothing could be judged by one.

    `waivers` has one line for each entry of `waivers.toml`; `licenses` how many packages each licence has.
    """

    verdict: Literal["passed", "findings", "not-scanned"]
    parts: tuple[ScanPart, ...]
    findings: Mapping[str, FindingCount]
    db: DatabaseInfo | None
    waivers: tuple[str, ...] = ()
    licenses: Mapping[str, int] = field(default_factory=dict)
    reports: Annotated[tuple[FileRef, ...], VOLATILE_CONTENT] = ()
