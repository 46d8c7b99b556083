"""The findings of a scan that a change has to answer for: what the policy does not allow, and what the base lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlops_ci.records.codec import RecordFormatError
from mlops_ci.reporting.data import ReportData
from mlops_ci.run.run import read_json

FILE = ("scan", "findings.json")


@dataclass(frozen=True, kw_only=True)
class NewFinding:
    """One finding: `failing` when the policy does not allow it; `fixed` is empty where there is no fix."""

    id: str
    severity: str
    what: str
    fixed: str
    failing: bool


def new_findings(data: ReportData) -> tuple[NewFinding, ...]:
    """The failing ones first; none where the scan left no list (or not a readable one)."""
    path = data.folder.joinpath(*FILE)
    if not path.is_file():
        return ()
    try:
        document = read_json(path)
    except RecordFormatError:
        return ()
    return tuple(_read(document)) if isinstance(document, Mapping) else ()


def _read(document: Mapping[str, Any]) -> Iterator[NewFinding]:
    for key, failing in (("failing", True), ("allowed", False)):
        listed = document.get(key)
        for one in listed if isinstance(listed, list) else ():
            if isinstance(one, Mapping) and (failing or one.get("new_since_base") is True):
                package = f"{one.get('package') or ''} {one.get('installed') or ''}".strip()
                yield NewFinding(
                    id=str(one.get("id") or ""),
                    severity=str(one.get("severity") or ""),
                    what=package or str(one.get("where") or ""),
                    fixed=str(one.get("fixed") or ""),
                    failing=failing,
                )
