"""The findings written down: JSON for programs, Markdown for people, and a short list for the console."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from mlops_ci.files import write_atomic, write_json
from mlops_ci.records.codec import to_json
from mlops_ci.records.scan import DatabaseInfo, ScanPart
from mlops_ci.scanning.findings import Finding
from mlops_ci.scanning.policy import Decision

SCHEMA = "mlops-ci/findings/1"
CONSOLE_LINES = 20
WIDTH = 110


def write_reports(
    folder: Path,
    *,
    decision: Decision,
    verdict: str,
    parts: Sequence[ScanPart],
    database: DatabaseInfo | None,
    policy: str,
    scanner: str,
) -> tuple[Path, ...]:
    """Write `findings.json` and `findings.md`; both hold all findings, the failing ones first."""
    failing = set(decision.failing)
    document = {
        "schema": SCHEMA,
        "verdict": verdict,
        "policy": policy,
        "scanner": scanner,
        "database": to_json(database) if database else None,
        "parts": [to_json(part) for part in parts],
        "counts": {severity: to_json(count) for severity, count in decision.counts.items()},
        "failing": [asdict(one) for one in decision.failing],
        "allowed": [asdict(one) for one in decision.findings if one not in failing],
    }
    write_json(folder / "findings.json", document)
    allowed = [one for one in decision.findings if one not in failing]
    write_atomic(folder / "findings.md", _markdown(verdict, parts, decision.failing, allowed, policy))
    return (folder / "findings.json", folder / "findings.md")


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


def _markdown(
    verdict: str, parts: Sequence[ScanPart], failing: Sequence[Finding], allowed: Sequence[Finding], policy: str
) -> str:
    lines = [f"# Scan: {verdict}", "", f"Policy: {policy}.", ""]
    if verdict == "not-scanned":
        lines += ["**NOT SCANNED FOR VULNERABILITIES**", ""]
    lines += ["| part | status | why |", "| --- | --- | --- |"]
    lines += [f"| {_cell(part.name)} | {part.status} | {_cell(part.why)} |" for part in parts]
    for title, findings in (("Not allowed", failing), ("Found, and allowed by the policy", allowed)):
        if findings:
            lines += ["", f"## {title} ({len(findings)})", "", *_table(findings)]
    return "\n".join(lines) + "\n"


def _table(findings: Iterable[Finding]) -> list[str]:
    head = ["severity", "id", "package", "installed", "fixed in", "new since base", "where", "what, and what to do"]
    rows = [
        [
            one.severity,
            one.id,
            one.package,
            one.installed,
            one.fixed,
            "yes" if one.new_since_base else "",
            one.where,
            f"{one.title}. {one.advice}".strip(" .") if one.advice else one.title,
        ]
        for one in findings
    ]
    return [
        f"| {' | '.join(head)} |",
        "|" + " --- |" * len(head),
        *(f"| {' | '.join(map(_cell, row))} |" for row in rows),
    ]


def _cell(text: str) -> str:
    """Text that stays inside its table cell and starts no markup."""
    flat = " ".join(text.split())
    for sign in "\\|<>`*_[]":
        flat = flat.replace(sign, f"\\{sign}" if sign not in "<>" else {"<": "&lt;", ">": "&gt;"}[sign])
    return flat
