"""SARIF 2.1.0 as GitHub's code scanning takes it: one rule for each id, every result at a file that exists."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from mlops_ci.scanning.findings import Finding
from mlops_ci.scanning.places import Place
from mlops_ci.scanning.scanned import Scanned
from mlops_ci.version import version

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# Limits of GitHub, "SARIF results exceed one or more limits": 25,000 results and rules in a run, 20 tags for a rule; it
# stores the 5,000 worst results. Worst come first here.
MOST_RESULTS = 5000
LONGEST = 1000
LEVELS = {"CRITICAL": "error", "HIGH": "error", "MEDIUM": "warning", "LOW": "note", "UNKNOWN": "note"}
# GitHub tells severities apart by a number: above 9.0 critical, 7.0 high, 4.0 medium, else low.
SCORES = {"CRITICAL": "9.5", "HIGH": "8.0", "MEDIUM": "5.5", "LOW": "2.0", "UNKNOWN": "0.1"}


def document(scanned: Scanned) -> dict[str, Any]:
    """The log. What a waiver or a VEX document excuses is left out: it would stay an open alert there."""
    findings = [*scanned.decision.failing, *scanned.decision.allowed][:MOST_RESULTS]
    rules = list(dict.fromkeys(one.id for one in findings))
    first = {one.id: one for one in reversed(findings)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "mlops-ci scan",
                        "informationUri": "https://github.com/org/mlops-ci",
                        "semanticVersion": _semantic(version()),
                        "rules": [_rule(first[name]) for name in rules],
                    },
                    "extensions": [{"name": "Trivy", "version": scanned.trivy.version}],
                },
                "automationDetails": {"id": "mlops-ci-scan/"},
                "columnKind": "utf16CodeUnits",
                "invocations": [{"executionSuccessful": True}],
                "results": _results(findings, rules, scanned),
            }
        ],
    }


def _results(findings: Iterable[Finding], rules: Sequence[str], scanned: Scanned) -> list[dict[str, Any]]:
    places = {name: index for index, name in enumerate(rules)}
    failing = set(scanned.decision.failing)
    return [
        {
            "ruleId": one.id,
            "ruleIndex": places[one.id],
            "level": LEVELS[one.severity],
            "message": {"text": _text(_message(one))},
            "locations": [_location(scanned.sources.of(one), one)],
            "partialFingerprints": {"primaryLocationLineHash": fingerprint(one)},
            "properties": {"allowed": one not in failing, "newSinceBase": one.new_since_base},
        }
        for one in findings
    ]


def _rule(one: Finding) -> dict[str, Any]:
    about = _text(one.title or one.id)
    advice = _text(one.advice or (f"Update {one.package} to {one.fixed}." if one.fixed else "There is no fix yet."))
    link = {"helpUri": one.url} if one.url.startswith("https://") else {}
    return {
        "id": one.id,
        "name": one.kind.title(),
        "shortDescription": {"text": about},
        "fullDescription": {"text": about},
        **link,
        "help": {"text": f"{about}. {advice}"},
        "defaultConfiguration": {"level": LEVELS[one.severity]},
        "properties": {
            "tags": ["security", one.kind, one.severity],
            "precision": "very-high",
            "security-severity": SCORES[one.severity],
        },
    }


def _message(one: Finding) -> str:
    if one.kind == "vulnerability":
        fix = f"fixed in {one.fixed}" if one.fixed else "there is no fix yet"
        return f"{one.package} {one.installed} in {one.where} has {one.id}: {one.title} ({fix})"
    if one.kind == "license":
        return f"{one.package} {one.installed} in {one.where} is under the licence {one.id}"
    return f"{one.where}: {one.title}"


def _location(place: Place, one: Finding) -> dict[str, Any]:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": place.path, "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": place.line},
        },
        "message": {"text": _text(one.where)},
    }


def fingerprint(one: Finding) -> str:
    """What makes a finding the same one in the next scan: neither a version nor a line."""
    words = "\0".join((one.kind, one.id, one.package, one.where.partition(":")[0], one.place))
    return f"{hashlib.sha256(words.encode()).hexdigest()[:32]}:1"


def _text(text: str) -> str:
    flat = " ".join(text.split()) or "-"
    return flat if len(flat) <= LONGEST else flat[: LONGEST - 1] + "…"


def _semantic(text: str) -> str:
    return text.partition("+")[0].partition(".dev")[0]
