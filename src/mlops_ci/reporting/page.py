"""The report's files."""

from __future__ import annotations

from pathlib import Path

from mlops_ci.files import write_atomic
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.html import html
from mlops_ci.reporting.markdown import summary


def write_page(data: ReportData, folder: Path) -> tuple[Path, ...]:
    """Write `index.html` (one file that loads nothing) and `summary.md` into `folder`; gives the paths."""
    page, text = folder / "index.html", folder / "summary.md"
    write_atomic(page, html(data))
    write_atomic(text, summary(data))
    return page, text
