"""The policy: which findings fail the scan. Pure functions on findings and settings."""

from __future__ import annotations

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


def decide(findings: Iterable[Finding], settings: ScanSettings) -> Decision:
    """Hold all findings against the policy."""
    ordered = tuple(sorted(dict.fromkeys(findings), key=lambda one: one.order))
    return Decision(
        failing=tuple(one for one in ordered if fails(one, settings)), findings=ordered, counts=count(ordered)
    )


def fails(finding: Finding, settings: ScanSettings) -> bool:
    """Whether this finding alone fails the scan."""
    if finding.kind == "secret":
        return settings.secrets
    if finding.kind == "misconfiguration":
        return finding.severity in settings.misconfiguration
    return finding.severity in settings.fail_on and (finding.fixable or not settings.fixable_only)


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
    fixable = " that have a fix" if settings.fixable_only else ""
    vulnerabilities = f"{_listed(settings.fail_on)} vulnerabilities{fixable}" if settings.fail_on else ""
    secrets = "secrets" if settings.secrets else ""
    wrong = f"{_listed(settings.misconfiguration)} misconfigurations" if settings.misconfiguration else ""
    parts = [part for part in (vulnerabilities, secrets, wrong) if part]
    return f"not allowed: {'; '.join(parts)}" if parts else "nothing fails the scan"


def _listed(severities: Iterable[str]) -> str:
    return ", ".join(severity for severity in SEVERITIES if severity in set(severities))


def _count(findings: list[Finding]) -> FindingCount:
    return FindingCount(
        total=len(findings),
        fixable=sum(one.fixable for one in findings),
        new_since_base=sum(one.new_since_base for one in findings),
    )
