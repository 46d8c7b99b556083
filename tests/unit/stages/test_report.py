"""The page: what the records of other machines quote is cleaned once more, before it is escaped."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from mlops_ci.console import Console
from mlops_ci.images import images_lock
from mlops_ci.records.record import ErrorInfo
from mlops_ci.run.run import open_run
from mlops_ci.run.variants import named
from mlops_ci.stages import report
from support.heard import Heard
from support.report_run import make_run
from support.run_folder import a_record
from support.run_folder import make_run as make_small_run

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


def of_two_builds(tmp_path):
    """A session whose run has made images, with a run beside it that has made those of another build."""
    run = make_small_run(tmp_path / ".mlops")
    run.write(a_record(run, "plan", outputs={"variants": ["cu130"]}))
    other = make_small_run(tmp_path / ".mlops", name=named(run.id, "cu130"), beside=run.id)
    other.write(a_record(other, "build"))
    settings = SimpleNamespace(root=tmp_path)
    provider = SimpleNamespace(summary=str)
    session = SimpleNamespace(run=run, settings=settings, console=Console(sink=Heard()), provider=provider, lost_job="")
    return session, other


def locked(key):
    return images_lock.LockedImage(ref=f"r/{key}", digest=f"sha256:{key}", content_key=key, inputs={"a": key})


def test_the_images_lock_of_several_builds_has_what_each_has_changed(tmp_path):
    session, other = of_two_builds(tmp_path)
    before = {"docker/2.13-cpu/base": locked("old"), "docker/2.13-cu130/base": locked("old")}
    images_lock.write(tmp_path, before)
    for run, name in ((session.run, "docker/2.13-cpu/base"), (other, "docker/2.13-cu130/base")):
        run.path("sbom").mkdir()
        images_lock.write(run.path("sbom"), {**before, name: locked("new")})
    report.page(session)
    assert images_lock.read(session.run.path("report")) == dict.fromkeys(before, locked("new"))


def test_the_page_is_written_anew_when_the_job_of_another_build_has_run_again(tmp_path):
    session, other = of_two_builds(tmp_path)
    before = report.inputs(session)
    assert report.inputs(session) == before
    other.write(a_record(other, "build", attempt=2))
    assert report.inputs(session) != before
