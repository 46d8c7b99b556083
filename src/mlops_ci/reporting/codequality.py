"""GitLab's code quality report: what is known to be wrong at a line of a file.

Its form: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mlops_ci.records.codec import RecordFormatError
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.places import in_repository, places
from mlops_ci.run.run import read_json

Severity = Literal["info", "minor", "major", "critical", "blocker"]

# Where the scan found something in the code itself, as against an image.
PLACE = re.compile(r"repository: (?P<path>.+?)(?::(?P<line>\d+))?")
SEVERITY: Mapping[str, Severity] = {"CRITICAL": "critical", "HIGH": "major", "MEDIUM": "minor"}
# The stages that run code of the user's, whose output names lines of it.
USERS = ("check", "prepare", "train", "evaluate")
# A report of more helps nobody, and GitLab shows it slowly.
MOST = 1000


@dataclass(frozen=True, kw_only=True)
class Issue:
    """One thing that is wrong. `path` is relative to the top of the repository."""

    rule: str
    severity: Severity
    text: str
    path: str
    line: int


def codequality(issues: Iterable[Issue]) -> str:
    """The report. A fingerprint stays the same where only lines above the issue come or go."""
    found: list[dict[str, Any]] = []
    seen: dict[tuple[str, str, str], int] = {}
    for one in dict.fromkeys(issues):
        about = (one.rule, one.path, one.text)
        seen[about] = seen.get(about, 0) + 1
        fingerprint = hashlib.sha256(json.dumps([*about, seen[about]]).encode()).hexdigest()
        found.append(
            {
                "description": one.text,
                "check_name": one.rule,
                "fingerprint": fingerprint,
                "severity": one.severity,
                "location": {"path": one.path, "lines": {"begin": max(1, one.line)}},
            }
        )
    return json.dumps(found[:MOST], indent=2, ensure_ascii=False) + "\n"


def of_run(data: ReportData, exists: Callable[[str], bool], below: str = "") -> Iterator[Issue]:
    """What the run found. `exists` knows the files of the project, which lies `below` the repository's top."""
    for one in (*_of_scan(data), *_of_output(data, exists)):
        yield Issue(rule=one.rule, severity=one.severity, text=one.text, path=f"{below}{one.path}", line=one.line)


def of_problem(message: str, path: str, line: int | None) -> Issue:
    """What is wrong in the configuration."""
    return Issue(rule="mlops-ci/configuration", severity="blocker", text=message, path=path, line=line or 1)


def _of_scan(data: ReportData) -> Iterator[Issue]:
    """Secrets and misconfigurations in the code: what an image brought along is not at a line of it."""
    path = data.folder / "scan" / "findings.json"
    try:
        document = read_json(path) if path.is_file() else {}
    except RecordFormatError:
        return
    for group in ("failing", "allowed"):
        for one in document.get(group, ()):
            where = PLACE.fullmatch(one["where"])
            if where is None:
                continue
            yield Issue(
                rule=f"{one['kind']}/{one['id']}",
                severity=SEVERITY.get(one["severity"], "info"),
                text=". ".join(filter(None, (one["title"].rstrip("."), one["advice"]))),
                path=where["path"],
                line=int(where["line"] or 1),
            )


def _of_output(data: ReportData, exists: Callable[[str], bool]) -> Iterator[Issue]:
    """What programs said of lines of the code, where they failed; of a check that passed, what it said all the same."""
    for stage in USERS:
        record, log = data.records.get(stage), data.folder / "logs" / f"{stage}.log"
        failed = record is not None and record.status == "failed"
        if not log.is_file() or not (failed or stage == "check"):
            continue
        with log.open(encoding="utf-8", errors="replace") as lines:
            for one in places(lines, lambda path: in_repository(path, exists)):
                yield Issue(
                    rule=f"mlops-ci/{stage}",
                    severity="major" if failed else "minor",
                    text=one.text,
                    path=one.path,
                    line=one.line,
                )
