"""Waivers applied: which findings somebody answers for, and which waivers are themselves a fault. Pure functions."""

from __future__ import annotations

import datetime as dt
import fnmatch
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mlops_ci.scanning.findings import Finding
from mlops_ci.settings.scan import ScanSettings
from mlops_ci.settings.waivers import WAIVERS_FILE, Waiver

Standing = Literal["used", "unused", "not judged", "not allowed", "expired", "too long"]
# What a scan may have looked at, by what a waiver names.
ALL = frozenset({"package", "path"})
# The last fortnight of a waiver is when its owner should hear of it.
SOON = 14


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A waiver and what became of it. Only one that is `used` lets something pass."""

    waiver: Waiver
    standing: Standing
    days: int
    findings: int = 0

    @property
    def fails(self) -> bool:
        """Whether the waiver itself fails the scan: it has ended, or was to last longer than one may."""
        return self.standing in ("expired", "too long")

    @property
    def line(self) -> str:
        """One line on it."""
        owner = self.waiver.owner or "NO OWNER"
        return f"{self.waiver.named} until {self.waiver.expires} ({owner}): {self.standing}"

    @property
    def remark(self) -> str:
        """What is not as it should be with it; empty when all is well."""
        where = f"{WAIVERS_FILE}:{self.waiver.line}: the waiver of {self.waiver.named}"
        remarks = {
            "expired": f"ended on {self.waiver.expires}",
            "too long": f"ends only in {self.days} days",
            "unused": "is for no finding: remove it",
            "not allowed": "is for a severity that may not be waived ([scan] waivable)",
        }
        said = [remarks[self.standing]] if self.standing in remarks else []
        if self.standing == "used" and self.days <= SOON:
            said.append(f"ends in {self.days} days")
        if not self.waiver.owner:
            said.append("has no owner")
        return f"{where} {' and '.join(said)}" if said else ""


def apply(
    findings: Iterable[Finding],
    waivers: Sequence[Waiver],
    settings: ScanSettings,
    *,
    today: dt.date,
    looked_at: Collection[str] = ALL,
) -> tuple[list[Finding], tuple[Judged, ...]]:
    """The findings, the waived ones marked, and what became of each waiver.

    One for what the scan has not `looked_at` (packages without a database, paths in a rescan) is not called unused.
    """
    listed = list(findings)
    judged = tuple(_judge(one, listed, settings, today, looked_at) for one in waivers)
    holding = [one.waiver for one in judged if one.standing == "used"]
    return [_marked(one, holding, settings) for one in listed], judged


def ended(waivers: Sequence[Waiver], settings: ScanSettings, *, today: dt.date) -> tuple[str, ...]:
    """The waivers that do not hold today for their date alone: a result that they were part of is none any more."""
    return tuple(one.named for one in waivers if _out_of_time(one, settings, today))


def _judge(
    waiver: Waiver, findings: Sequence[Finding], settings: ScanSettings, today: dt.date, looked_at: Collection[str]
) -> Judged:
    days = (dt.date.fromisoformat(waiver.expires) - today).days
    standing = _out_of_time(waiver, settings, today)
    matched = [one for one in findings if _is_for(waiver, one) and one.excused != "vex"]
    allowed = [one for one in matched if one.severity in settings.waivable]
    if standing is None:
        known = ("package" if waiver.package else "path") in looked_at
        standing = "used" if allowed else "not allowed" if matched else "unused" if known else "not judged"
    return Judged(waiver=waiver, standing=standing, days=days, findings=len(allowed))


def _out_of_time(waiver: Waiver, settings: ScanSettings, today: dt.date) -> Standing | None:
    days = (dt.date.fromisoformat(waiver.expires) - today).days
    return "expired" if days < 0 else "too long" if days > settings.waiver_days else None


def _marked(finding: Finding, waivers: Sequence[Waiver], settings: ScanSettings) -> Finding:
    if finding.excused or finding.severity not in settings.waivable:
        return finding
    found = next((one for one in waivers if _is_for(one, finding)), None)
    if found is None:
        return finding
    return replace(
        finding, excused="waiver", excuse=f"{found.reason} ({found.owner or 'no owner'}, until {found.expires})"
    )


def _is_for(waiver: Waiver, finding: Finding) -> bool:
    if waiver.id != finding.id:
        return False
    if waiver.package:
        return finding.kind in ("vulnerability", "license") and waiver.package == finding.package
    return finding.kind in ("secret", "misconfiguration") and fnmatch.fnmatchcase(finding.place, waiver.path)
