"""The result of one scan: what all reports are written from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mlops_ci.records.scan import DatabaseInfo, ScanPart
from mlops_ci.scanning.findings import ScanTarget
from mlops_ci.scanning.licenses import Licensed
from mlops_ci.scanning.places import Sources
from mlops_ci.scanning.policy import Decision, in_words
from mlops_ci.scanning.trivy import Trivy
from mlops_ci.scanning.waivers import Judged
from mlops_ci.settings.scan import ScanSettings

Verdict = Literal["passed", "findings", "not-scanned"]


@dataclass(frozen=True, kw_only=True)
class Scanned:
    """`systems` are the operating systems of the targets by name; `packages` all of theirs with licences."""

    targets: Sequence[ScanTarget]
    systems: Mapping[str, str]
    verdict: Verdict
    parts: tuple[ScanPart, ...]
    decision: Decision
    waivers: tuple[Judged, ...]
    database: DatabaseInfo | None
    settings: ScanSettings
    trivy: Trivy
    packages: tuple[Licensed, ...]
    sources: Sources
    started: dt.datetime
    finished: dt.datetime

    @property
    def remarks(self) -> tuple[str, ...]:
        """What somebody should know of the waivers."""
        return tuple(one.remark for one in self.waivers if one.remark)

    @property
    def policy(self) -> str:
        """The policy in one sentence."""
        return in_words(self.settings)

    @property
    def scanner(self) -> str:
        """Which scanner it was."""
        return f"Trivy {self.trivy.version} (sha256 {self.trivy.sha256})"
