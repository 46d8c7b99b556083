"""The page: what the records of other machines quote is cleaned once more, before it is escaped."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from mlops_ci.console import Console
from mlops_ci.images import images_lock
from mlops_ci.records.record import ErrorInfo
from mlops_ci.run.run import open_run
from mlops_ci.stages import report
from support.heard import Heard
from support.report_run import make_run

SECRET = 'a<b&"hidden'


def test_a_new_images_lock_is_in_the_folder_that_ci_keeps(tmp_path):
    folder = make_run(tmp_path)
    run = open_run(folder.parent, folder.name)
    session = SimpleNamespace(run=run, console=Console(sink=Heard()), provider=SimpleNamespace(summary=str))
    without = report.page(session).outputs.files
    (folder / "sbom").mkdir(exist_ok=True)
    (folder / "sbom" / images_lock.NAME).write_text("new")
    (added,) = {one.path for one in report.page(session).outputs.files} - {one.path for one in without}
    assert added == f"report/{images_lock.NAME}"
    assert (folder / added).read_text() == "new"


def test_no_secret_comes_into_the_page_or_the_summary(tmp_path):
    folder = make_run(tmp_path)
    run = open_run(folder.parent, folder.name)
    said = f"refused: {SECRET}"
    error = ErrorInfo(class_="user", cause=said, hint=said, again=())
    run.write(replace(run.record("train"), status="failed", exit_code=1, reason=said, error=error, attempt=9))
    console, summaries = Console(sink=Heard()), []
    console.redactor.add(SECRET)
    session = SimpleNamespace(run=run, console=console, provider=SimpleNamespace(summary=summaries.append))
    report.page(session)
    for text in (*summaries, run.path("report", "index.html").read_text(), "\n".join(console.sink.lines)):
        assert "refused: " in text
        assert "hidden" not in text
