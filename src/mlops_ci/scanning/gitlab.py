"""GitLab's container scanning report, version 15.0.7, which every GitLab of major version 16 to 18 takes.

Trivy's own template repeats an id for every package, and names a file where the image should stand.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any

from mlops_ci.files import digest_of
from mlops_ci.scanning.findings import Finding, ScanTarget
from mlops_ci.scanning.scanned import Scanned
from mlops_ci.version import version

VERSION = "15.0.7"
NAMESPACE = uuid.UUID("0d4c5a52-36d0-5f0f-8f3e-6f3b9a4f6a10")
LONGEST = {"name": 255, "solution": 7000, "description": 1 << 20}


def document(scanned: Scanned) -> dict[str, Any]:
    """The report on the images. What is not inside of one is counted in a message: the format has no place for it."""
    images = {one.name: one for one in scanned.targets if one.kind != "environment" and scanned.systems.get(one.name)}
    counted = [one for one in scanned.decision.findings if not one.excused]
    inside = [one for one in counted if one.kind in ("vulnerability", "license") and _target(one) in images]
    left_out = len(counted) - len(inside)
    return {
        "version": VERSION,
        "scan": {
            "analyzer": _tool("mlops-ci", "mlops-ci", version(), "mlops-ci"),
            "scanner": _tool("trivy", "Trivy", scanned.trivy.version, "Aqua Security"),
            "type": "container_scanning",
            "status": "success",
            "start_time": _time(scanned.started),
            "end_time": _time(scanned.finished),
            "messages": list(_messages(left_out, scanned)),
        },
        "vulnerabilities": [_entry(one, images[_target(one)], scanned) for one in inside],
        "remediations": [],
    }


def _messages(left_out: int, scanned: Scanned) -> Iterator[dict[str, str]]:
    if left_out:
        yield {"level": "info", "value": f"{left_out} findings are not in an image: they stand in findings.json"}
    excused = len(scanned.decision.excused)
    if excused:
        yield {"level": "info", "value": f"{excused} findings are excused by waivers or VEX documents"}


def _entry(one: Finding, image: ScanTarget, scanned: Scanned) -> dict[str, Any]:
    title = one.title or f"{one.id} in {one.package}"
    return {
        "id": str(
            uuid.uuid5(NAMESPACE, digest_of([image.ref, one.kind, one.id, one.package, one.installed, one.where]))
        ),
        "name": _short("name", title),
        "description": _short("description", title),
        "severity": one.severity.capitalize(),
        "solution": _short("solution", _solution(one)),
        "identifiers": [_identifier(one)],
        "links": [{"url": one.url}] if one.url.startswith(("http://", "https://")) else [],
        "location": {
            "dependency": {"package": {"name": one.package}, "version": one.installed or "unknown"},
            "operating_system": scanned.systems[image.name],
            "image": image.ref,
        },
    }


def _identifier(one: Finding) -> dict[str, str]:
    kind = one.id.partition("-")[0].lower() if one.kind == "vulnerability" else "license"
    link = {"url": one.url} if one.url.startswith(("http://", "https://")) else {}
    return {"type": kind, "name": one.id, "value": one.id, **link}


def _solution(one: Finding) -> str:
    if one.kind == "license":
        return one.advice
    return f"Update {one.package} to {one.fixed}" if one.fixed else "There is no fix yet"


def _tool(name: str, title: str, release: str, vendor: str) -> dict[str, Any]:
    return {"id": name, "name": title, "version": release, "vendor": {"name": vendor}}


def _target(one: Finding) -> str:
    return one.where.partition(": ")[0]


def _time(moment: dt.datetime) -> str:
    """Without a zone: the format asks for it."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _short(field: str, text: str) -> str:
    return text[: LONGEST[field]]
