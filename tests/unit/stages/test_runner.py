"""One stage: done means done, a failure is kept under its attempt, and whatever happens there is a record."""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from mlops_ci.console import Console
from mlops_ci.errors import UserCodeError
from mlops_ci.run.run import Lineage, create, new_info
from mlops_ci.stages.result import Result
from mlops_ci.stages.runner import StageCode, run_stage
from support.heard import Heard

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LINEAGE = Lineage(
    commit=None, commit_time=None, branch=None, dirty=False, diff_sha256=None, code_sha256="c", config_sha256="d"
)


@pytest.fixture
def session(tmp_path):
    """What the runner looks at of a session: a real run and console, and names."""
    names = {"project": "p", "plan": "f", "mode": None, "engine": "host", "variant": "cpu", "provider": "local"}
    run = create(tmp_path / "runs", new_info(moment=NOW, lineage=LINEAGE, links={}, **names))
    return SimpleNamespace(
        run=run,
        console=Console(sink=Heard()),
        provider=SimpleNamespace(name="local"),
        engine=SimpleNamespace(name="host"),
        variant="cpu",
        force=False,
        again=lambda stage: ("# first this", f"mlops-ci run {stage} --run {run.id} --only"),
    )


class Code:
    """A stage that counts its calls; `known` are its inputs, `ends` what it does."""

    def __init__(self, ends, known=None):
        self.ends = list(ends)
        self.known = known or {"x": 1}
        self.calls = 0

    @property
    def stage(self):
        return StageCode(inputs=lambda session: self.known, run=self._run)

    def _run(self, session):
        self.calls += 1
        end = self.ends.pop(0)
        if isinstance(end, BaseException):
            raise end
        return end


def test_what_a_killed_process_was_writing_is_cleared_away(session, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    run = session.run
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("os.replace", killed)
        # By SIGKILL nothing is cleared away.
        patch.setattr("pathlib.Path.unlink", lambda *_, **__: None)
        run_stage(session, "check", Code([Result()]).stage)
    run.path("records").mkdir(exist_ok=True)
    run.path("records", ".check.json.abcdefgh.tmp").write_text("{")
    run.path(".hidden").write_text("the user's")
    assert list(run.folder.glob(".running.json.*.tmp"))
    run_stage(session, "check", Code([Result()]).stage)
    assert [path.name for path in run.folder.rglob(".*")] == [".hidden"]


def test_what_passed_with_the_same_inputs_is_done(session):
    code = Code([Result(), Result()])
    first = run_stage(session, "check", code.stage)
    assert run_stage(session, "check", code.stage) == first
    assert code.calls == 1
    code.known = {"x": 2}
    assert run_stage(session, "check", code.stage).attempt == 2
    assert code.calls == 2


def test_force_runs_it_again(session):
    code = Code([Result(), Result()])
    run_stage(session, "check", code.stage)
    session.force = True
    assert run_stage(session, "check", code.stage).attempt == 2


def test_an_input_that_the_stage_itself_brings_is_known_from_then_on(session):
    """The scan downloads its database: the first scan must not count as one with another database."""
    code = Code([Result(learned={"db": "sha256:1"})], known={"db": None})
    run_stage(session, "scan", code.stage)
    code.known = {"db": "sha256:1"}
    assert run_stage(session, "scan", code.stage).attempt == 1
    assert code.calls == 1


def test_a_failure_never_counts_and_is_kept(session):
    code = Code([UserCodeError("boom", hint="mend it"), Result()])
    failed = run_stage(session, "check", code.stage)
    assert (failed.status, failed.exit_code, failed.reason) == ("failed", 20, "boom")
    assert (failed.error.class_, failed.error.hint) == ("user-code", "mend it")
    passed = run_stage(session, "check", code.stage)
    assert (passed.status, passed.attempt) == ("passed", 2)
    kept = json.loads(session.run.path("records", "attempts", "check.1.json").read_text())
    assert kept["error"]["cause"] == "boom"


def test_a_failure_says_how_to_repeat_it_in_the_record_and_in_the_annotation(session):
    record = run_stage(session, "check", Code([UserCodeError("boom", hint="mend it")]).stage)
    command = f"mlops-ci run check --run {session.run.id} --only"
    assert record.error.again == ("# first this", command)
    ((level, _, text),) = session.console.sink.annotations
    assert (level, text) == ("error", f"boom\nmend it\nagain:\n# first this\n{command}")


def test_no_secret_comes_into_a_record(session):
    session.console.redactor.add("hunter2-hunter2")
    said = "refused: hunter2-hunter2"
    failed = Code([UserCodeError(said, hint=said, details=(said, "the end"))])
    assert run_stage(session, "check", failed.stage).reason == "refused: ***"
    run_stage(session, "scan", Code([Result(status="skipped", reason=said, warnings=(said,))]).stage)
    written = [path.read_text() for path in session.run.path("records").glob("*.json")]
    assert len(written) == 2
    assert all("refused: ***" in text and "hunter2" not in text for text in written)


@pytest.mark.parametrize(("end", "code"), [(KeyboardInterrupt(), 130), (SystemExit(143), 143)])
def test_who_is_interrupted_says_cancelled(session, end, code):
    record = run_stage(session, "train", Code([end]).stage)
    assert (record.status, record.reason, record.exit_code) == ("failed", "cancelled", code)


def test_a_bug_of_ours_is_a_record_with_a_report_to_paste(session, monkeypatch):
    monkeypatch.setattr(platform, "platform", lambda: "Linux-6")  # the real one asks a program
    record = run_stage(session, "check", Code([ZeroDivisionError("x")]).stage)
    assert (record.exit_code, record.status) == (70, "failed")
    assert "ZeroDivisionError" in session.run.path("logs", "check.bug.md").read_text()


def test_a_damaged_record_is_no_record(session):
    code = Code([Result(), Result()])
    run_stage(session, "check", code.stage)
    session.run.path("records", "check.json").write_text('{"cut')
    assert run_stage(session, "check", code.stage).status == "passed"
    assert code.calls == 2
    assert any("runs again" in line for line in session.console.sink.lines)
