"""The stage report: one page that says what happened, for a terminal, a CI summary and a browser."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlops_ci.images import images_lock
from mlops_ci.records.report import ReportOutputs
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.page import write_page
from mlops_ci.reporting.redacted import redacted
from mlops_ci.reporting.terminal import page_text
from mlops_ci.run import variants
from mlops_ci.run.run import HandoverError
from mlops_ci.scanning.outputs import SARIF
from mlops_ci.stages.result import Result
from mlops_ci.stages.session import Session
from mlops_ci.stages.telling import tell_of_run


def inputs(session: Session) -> Mapping[str, Any]:
    """All records but the report's own, and what the CI system says beside them."""
    records = {
        name: [record.status, record.attempt, record.fingerprint, record.finished_at]
        for name, record in session.run.records().items()
        if name != "report"
    }
    canary = session.run.record("canary")
    beside = {"canary": [canary.status, canary.attempt, canary.finished_at]} if canary is not None else {}
    cells = {
        one.name: [[name, record.status, record.attempt, record.finished_at] for name, record in one.records.items()]
        for one in variants.built(session.run)
    }
    return {**records, **beside, **({"variants": cells} if cells else {}), "lost_job": session.lost_job}


def inputs_of_page(session: Session) -> Mapping[str, Any]:
    """The same for a page that nobody is told of: the report itself is then still to come."""
    return {**inputs(session), "told": False}


def run(session: Session) -> Result:
    """Write the page, and tell those who want to know. Telling never fails: what went wrong is a warning."""
    data = ReportData.read(session.run.folder)
    files = _write(session, data)
    telling = tell_of_run(session, data)
    return Result(outputs=replace(files, notifications=telling.notifications), warnings=telling.warnings)


def page(session: Session) -> Result:
    """Write the page alone: in a job that does a part of a run, the last job tells."""
    return Result(outputs=_write(session, ReportData.read(session.run.folder)))


def _write(session: Session, data: ReportData) -> ReportOutputs:
    """Write the page, its summary, the SARIF of the scan, a new images.lock; provider and terminal get theirs."""
    folder = session.run.path("report")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    page = write_page(redacted(data, session.console.redactor.clean), folder)
    files = (*page, *_alerts(session, data, folder), *_lock(session, folder))
    session.provider.summary((folder / "summary.md").read_text())
    for line in page_text(data).splitlines():
        session.console.output(line)
    return ReportOutputs(files=tuple(session.run.file(path) for path in files))


def _alerts(session: Session, data: ReportData, folder: Path) -> tuple[Path, ...]:
    """The findings of the scan as SARIF, where they were written and are here: what uploads them reads this folder."""
    listed = data.outputs.scan.reports if data.outputs.scan is not None else ()
    for ref in (one for one in listed if Path(one.path).name == SARIF):
        with suppress(HandoverError):
            shutil.copyfile(session.run.open(ref), folder / SARIF)
            return (folder / SARIF,)
    return ()


def _lock(session: Session, folder: Path) -> tuple[Path, ...]:
    """The repository's images.lock, where this run has changed it: in CI nobody keeps the checkout.

    Where images were made for further builds, what each of their jobs has changed is in it.
    """
    runs = (session.run, *variants.runs_of(session.run).values())
    made = [run.path("sbom") for run in runs if run.path("sbom", images_lock.NAME).is_file()]
    if not made:
        return ()
    if len(made) == 1:
        return (Path(shutil.copyfile(made[0] / images_lock.NAME, folder / images_lock.NAME)),)
    before = images_lock.read(session.settings.root) or {}
    read = [(images_lock.read(each) or {}).items() for each in made]
    changed = {key: image for entries in read for key, image in entries if before.get(key) != image}
    images_lock.write(folder, {**before, **changed})
    return (folder / images_lock.NAME,)
