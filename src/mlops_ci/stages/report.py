"""The stage report: one page that says what happened, for a terminal, a CI summary and a browser."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

from mlops_ci.records.report import ReportOutputs
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.page import write_page
from mlops_ci.reporting.terminal import page_text
from mlops_ci.stages.result import Result
from mlops_ci.stages.session import Session


def inputs(session: Session) -> Mapping[str, Any]:
    """All records but the report's own."""
    return {
        name: [record.status, record.attempt, record.fingerprint, record.finished_at]
        for name, record in session.run.records().items()
        if name != "report"
    }


def run(session: Session) -> Result:
    """Write `report/index.html` and `summary.md`, hand the summary to the provider, show the terminal's page."""
    data = ReportData.read(session.run.folder)
    folder = session.run.path("report")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    files = write_page(data, folder)
    session.provider.summary((folder / "summary.md").read_text())
    for line in page_text(data).splitlines():
        session.console.output(line)
    return Result(outputs=ReportOutputs(files=tuple(session.run.file(path) for path in files)))
