"""The findings written down: JSON for programs, Markdown for people, and a short list for the console."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from mlops_ci.records.codec import to_json
from mlops_ci.scanning.findings import Finding
from mlops_ci.scanning.licenses import counted
from mlops_ci.scanning.policy import Decision
from mlops_ci.scanning.scanned import Scanned

SCHEMA = "mlops-ci/findings/1"
LICENSES_SCHEMA = "mlops-ci/licenses/1"
CONSOLE_LINES = 20
WIDTH = 110


def document(scanned: Scanned) -> dict[str, Any]:
    """All findings for programs: the failing ones, those that somebody excuses, and what the policy allows."""
    decision = scanned.decision
    return {
        "schema": SCHEMA,
        "verdict": scanned.verdict,
        "policy": scanned.policy,
        "scanner": scanned.scanner,
        "database": to_json(scanned.database) if scanned.database else None,
        "parts": [to_json(part) for part in scanned.parts],
        "counts": {severity: to_json(count) for severity, count in decision.counts.items()},
        "failing": [asdict(one) for one in decision.failing],
        "excused": [asdict(one) for one in decision.excused],
        "allowed": [asdict(one) for one in decision.allowed],
        "waivers": [
            {**asdict(one.waiver), "standing": one.standing, "days": one.days, "findings": one.findings}
            for one in scanned.waivers
        ],
    }


def licenses(scanned: Scanned) -> dict[str, Any]:
    """The licences of all packages for programs."""
    return {
        "schema": LICENSES_SCHEMA,
        "counts": counted(scanned.packages),
        "packages": [asdict(one) for one in scanned.packages],
    }


def console_lines(decision: Decision) -> list[str]:
    """The failing findings, at most `CONSOLE_LINES`, one line each."""
    lines = [_line(one) for one in decision.failing[:CONSOLE_LINES]]
    more = len(decision.failing) - CONSOLE_LINES
    return [*lines, f"… and {more} more: all of them are in findings.md"] if more > 0 else lines


def _line(one: Finding) -> str:
    if one.kind == "vulnerability":
        fix = f"fixed in {one.fixed}" if one.fixed else "no fix yet"
        text = f"{one.severity:<8} {one.id}  {one.package} {one.installed} ({fix})  {one.title}"
    else:
        text = f"{one.severity:<8} {one.id}  {one.where}  {one.title}"
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def markdown(scanned: Scanned) -> str:
    """All findings for people."""
    decision = scanned.decision
    lines = [f"# Scan: {scanned.verdict}", "", f"Policy: {scanned.policy}.", ""]
    if scanned.verdict == "not-scanned":
        lines += ["**NOT SCANNED FOR VULNERABILITIES**", ""]
    lines += ["| part | status | why |", "| --- | --- | --- |"]
    lines += [f"| {_cell(part.name)} | {part.status} | {_cell(part.why)} |" for part in scanned.parts]
    if scanned.remarks:
        lines += ["", *(f"- {_cell(remark)}" for remark in scanned.remarks)]
    for title, findings in (
        ("Not allowed", decision.failing),
        ("Excused", decision.excused),
        ("Found, and allowed by the policy", decision.allowed),
    ):
        if findings:
            lines += ["", f"## {title} ({len(findings)})", "", *_table(findings)]
    lines += _licenses(scanned)
    return "\n".join(lines) + "\n"


def _licenses(scanned: Scanned) -> list[str]:
    counts = counted(scanned.packages)
    if not counts:
        return []
    rows = [f"| {_cell(name)} | {count} |" for name, count in counts.items()]
    return ["", f"## Licences ({len(counts)})", "", "| licence | packages |", "| --- | --- |", *rows]


def _table(findings: Iterable[Finding]) -> list[str]:
    head = [
        "severity",
        "id",
        "package",
        "installed",
        "fixed in",
        "layer",
        "new since base",
        "where",
        "what, and what to do",
    ]
    rows = [
        [
            one.severity,
            one.id,
            one.package,
            one.installed,
            one.fixed,
            one.brought_by,
            "yes" if one.new_since_base else "",
            one.where,
            _what(one),
        ]
        for one in findings
    ]
    return [
        f"| {' | '.join(head)} |",
        "|" + " --- |" * len(head),
        *(f"| {' | '.join(map(_cell, row))} |" for row in rows),
    ]


def _what(one: Finding) -> str:
    if one.excused:
        return f"{one.title}. Excused by a {'waiver' if one.excused == 'waiver' else 'VEX document'}: {one.excuse}"
    return f"{one.title}. {one.advice}".strip(" .") if one.advice else one.title


def _cell(text: str) -> str:
    """Text that stays inside its table cell and starts no markup."""
    flat = " ".join(text.split())
    for sign in "\\|<>`*_[]":
        flat = flat.replace(sign, f"\\{sign}" if sign not in "<>" else {"<": "&lt;", ">": "&gt;"}[sign])
    return flat
