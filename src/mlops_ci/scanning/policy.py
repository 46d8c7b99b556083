"""The policy: which findings fail the scan. Pure functions on findings and settings."""

from __future__ import annotations

import datetime as dt
import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mlops_ci.records.scan import FindingCount
from mlops_ci.scanning.findings import SEVERITIES, Finding
from mlops_ci.settings.scan import ScanSettings


@dataclass(frozen=True, kw_only=True)
class Decision:
    """`failing` are the findings that the policy does not allow, worst first; `findings` all of them."""

    failing: tuple[Finding, ...]
    findings: tuple[Finding, ...]
    counts: Mapping[str, FindingCount]

    @property
    def excused(self) -> tuple[Finding, ...]:
        """What somebody answers for: by a waiver, or by a VEX document."""
        return tuple(one for one in self.findings if one.excused)

    @property
    def allowed(self) -> tuple[Finding, ...]:
        """What the policy lets pass by itself."""
        failing = set(self.failing)
        return tuple(one for one in self.findings if not one.excused and one not in failing)


def decide(findings: Iterable[Finding], settings: ScanSettings, *, today: dt.date | None = None) -> Decision:
    """Hold all findings against the policy, as of `today`."""
    day = today or dt.datetime.now(dt.UTC).date()
    ordered = tuple(sorted(dict.fromkeys(findings), key=lambda one: one.order))
    return Decision(
        failing=tuple(one for one in ordered if fails(one, settings, today=day)),
        findings=ordered,
        counts=count(ordered),
    )


def fails(finding: Finding, settings: ScanSettings, *, today: dt.date | None = None) -> bool:
    """Whether this finding alone fails the scan."""
    if finding.excused:
        return False
    match finding.kind:
        case "secret":
            return settings.secrets
        case "misconfiguration":
            return finding.severity in settings.misconfiguration
        case "license":
            return True
        case _:
            return _vulnerable(finding, settings, today or dt.datetime.now(dt.UTC).date())


def _vulnerable(finding: Finding, settings: ScanSettings, today: dt.date) -> bool:
    if matches(finding.package, settings.strict_packages):
        return True
    spared = (
        matches(finding.package, settings.ignore_packages)
        or (settings.new_only and finding.inherited)
        or is_young(finding, settings.grace_days, today)
    )
    severities = {*settings.fail_on, *settings.layers.get(finding.brought_by, ())}
    return not spared and finding.severity in severities and (finding.fixable or not settings.fixable_only)


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns is for this name; case does not count."""
    return any(fnmatch.fnmatchcase(name.lower(), one.lower()) for one in patterns)


def is_young(finding: Finding, days: int, today: dt.date) -> bool:
    """Whether it was published less than so many days ago. What has no date, or one to come, is never young."""
    try:
        published = dt.date.fromisoformat(finding.published)
    except ValueError:
        return False
    return 0 <= (today - published).days < days


def count(findings: Iterable[Finding]) -> dict[str, FindingCount]:
    """Findings by severity, worst first; severities without any are left out."""
    listed = list(findings)
    return {
        severity: _count([one for one in listed if one.severity == severity])
        for severity in SEVERITIES
        if any(one.severity == severity for one in listed)
    }


def in_words(settings: ScanSettings) -> str:
    """The policy in one sentence."""
    parts = [part for part in (_vulnerabilities(settings), *_others(settings)) if part]
    return f"not allowed: {'; '.join(parts)}" if parts else "nothing fails the scan"


def _vulnerabilities(settings: ScanSettings) -> str:
    layers = [f"{_listed(found)} in {name}" for name, found in sorted(settings.layers.items()) if found]
    wanted = "; ".join(one for one in (_listed(settings.fail_on), *layers) if one)
    if not wanted:
        return ""
    limits = [
        "that have a fix" if settings.fixable_only else "",
        "that the base image does not have" if settings.new_only else "",
        f"known for {settings.grace_days} days" if settings.grace_days else "",
        f"not in {', '.join(settings.ignore_packages)}" if settings.ignore_packages else "",
    ]
    return " ".join([f"{wanted} vulnerabilities", *(one for one in limits if one)])


def _others(settings: ScanSettings) -> tuple[str, ...]:
    wrong = _listed(settings.misconfiguration)
    return (
        f"any vulnerability in {', '.join(settings.strict_packages)}" if settings.strict_packages else "",
        "secrets" if settings.secrets else "",
        f"{wrong} misconfigurations" if wrong else "",
        f"the licences {', '.join(settings.deny_licenses)}" if settings.deny_licenses else "",
    )


def _listed(severities: Iterable[str]) -> str:
    return ", ".join(severity for severity in SEVERITIES if severity in set(severities))


def _count(findings: list[Finding]) -> FindingCount:
    return FindingCount(
        total=len(findings),
        fixable=sum(one.fixable for one in findings),
        new_since_base=sum(one.new_since_base for one in findings),
        waived=sum(one.excused == "waiver" for one in findings),
        not_affected=sum(one.excused == "vex" for one in findings),
    )
