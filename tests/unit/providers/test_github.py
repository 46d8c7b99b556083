"""GitHub Actions: what the runner reads from the log and from its files."""

from __future__ import annotations

import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_ci.console import Console
from mlops_ci.providers.github import ANNOTATIONS, SUMMARY_BYTES, GitHubSink, github_provider
from mlops_ci.providers.stream import LineWriter
from mlops_ci.providers.text import bones


class Log(io.StringIO):
    @property
    def lines(self) -> list[str]:
        return self.getvalue().splitlines()


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def sink(log):
    return GitHubSink(out=LineWriter(log))


def provider(log=None, **environ):
    return github_provider(environ, log or Log())


def test_lines_of_other_programs_are_not_obeyed(sink, log):
    sink.line("::error::fake")
    sink.line("fine\n::add-mask::e")
    sink.line("50%\r##[group]x")
    assert log.lines == [": :error::fake", "fine", ": :add-mask::e", "## [group]x"]


@given(st.text(alphabet=":#[]error \t\r\n\u200b\x1bm;1", max_size=40))
def test_nothing_that_is_shown_is_obeyed(text):
    log = Log()
    sink = GitHubSink(out=LineWriter(log))
    sink.line(text)
    Console(sink=sink).say(text)
    for line in re.split(r"\r\n|\r|\n", log.getvalue()):
        assert not re.match(r"\s*::", bones(line))
        assert "##[" not in bones(line)


def test_a_fold_is_a_group(sink, log):
    with Console(sink=sink).fold("build", "Build 100%\nof it"):
        sink.line("inside")
    assert log.lines[:3] == ["::group::Build 100%25 of it", "inside", "::endgroup::"]
    assert log.lines[3].startswith("[mlops-ci] ✓ Build 100%")


def test_folds_do_not_nest(sink, log):
    sink.open_fold("a", "outer")
    sink.open_fold("b", "inner")
    sink.close_fold("b")
    sink.line("still in outer")
    sink.close_fold("a")
    assert log.lines == ["::group::outer", "-- inner", "still in outer", "::endgroup::"]


def test_annotations_are_escaped_and_colourless(sink, log):
    sink.annotate("error", "usage: a, b", "\x1b[31mline 1\x1b[0m\nline 2 100%", file="mlops.toml", line=12)
    assert log.lines == ["::error file=mlops.toml,line=12,title=usage%3A a%2C b::line 1%0Aline 2 100%25"]


def test_an_annotation_without_text_shows_its_title(sink, log):
    sink.annotate("notice", "title", "\n")
    assert log.lines == ["::notice title=title::title"]


def test_a_message_cannot_become_another_command(sink, log):
    sink.annotate("error", "t\n::error::x", "a\n::error::y")
    sink.open_fold("f", "x\n::error::z")
    assert len(log.lines) == 2
    assert all(line.startswith(("::error title", "::group::")) for line in log.lines)


def test_after_nine_of_a_level_the_rest_is_counted(sink, log):
    for number in range(ANNOTATIONS + 3):
        sink.annotate("error", "t", f"::error::{number}", file="a.py", line=number)
    sink.annotate("warning", "t", "one")
    sink.flush()
    commands = [line for line in log.lines if line.startswith("::")]
    assert len([line for line in commands if line.startswith("::error")]) == ANNOTATIONS + 1
    assert commands[-1] == "::error title=mlops-ci::and 3 more of level error: they stand in the log and in the summary"
    assert "error: a.py:11: t: ::error::11" in log.lines
    sink.flush()
    assert log.lines[-1] == commands[-1]


def test_every_line_of_a_secret_is_masked(sink, log):
    Console(sink=sink).secret('{\n  "key": "100%"\n}')
    assert log.lines == ['::add-mask::  "key": "100%25"']


def test_colours_follow_the_variables():
    assert provider().sink.colour
    assert not provider(NO_COLOR="1").sink.colour
    assert not provider(FORCE_COLOR="0").sink.colour


def test_open_colours_go_on_in_the_next_line(sink, log):
    sink.line("\x1b[31mone")
    sink.line("two\x1b[0m")
    sink.line("three")
    assert log.lines == ["\x1b[31mone\x1b[0m", "\x1b[31mtwo\x1b[0m\x1b[0m", "three"]


def read_outputs(text: str) -> dict[str, str]:
    """As the runner reads the file."""
    values = {}
    lines = iter(text.split("\n"))
    for line in lines:
        if "<<" in line:
            name, end = line.split("<<")
            body = []
            for inner in lines:
                if inner == end:
                    break
                body.append(inner)
            values[name] = "\n".join(body)
    return values


def test_outputs_hold_any_value(tmp_path):
    path = tmp_path / "output"
    path.write_text("")
    made = provider(GITHUB_OUTPUT=str(path))
    evil = "x\nEOF\nother<<EOF\ninjected"
    made.set_output("result-json", evil)
    made.set_output("empty", "")
    made.set_output("result", "ok")
    assert read_outputs(path.read_text()) == {"result-json": evil, "empty": "", "result": "ok"}
    ends = [line.split("<<")[1] for line in path.read_text().splitlines() if "<<end-" in line]
    assert len(set(ends)) == 3


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "a=b", "a<<b", "1"])
def test_names_of_outputs_are_checked(tmp_path, name):
    with pytest.raises(ValueError, match="no name of an output"):
        provider(GITHUB_OUTPUT=str(tmp_path / "output")).set_output(name, "x")


def test_summaries_are_appended_within_what_is_left(tmp_path):
    path = tmp_path / "summary"
    path.write_text("of another tool\n")
    made = provider(GITHUB_STEP_SUMMARY=str(path))
    made.summary("### first")
    assert path.read_text() == "of another tool\n### first\n"
    for _ in range(30):
        made.summary("### more\n<details><summary>log</summary>" + "x" * 100_000 + "</details>")
    assert path.stat().st_size <= SUMMARY_BYTES
    assert "Left out here for its size: log" in path.read_text()
    assert path.read_text().startswith("of another tool\n### first\n")


def test_without_the_files_there_is_nothing_to_do():
    made = provider()
    made.set_output("a", "b")
    made.summary("x")
    assert made.links() == {}
    assert made.attempt() is None


def test_links_and_attempt():
    made = provider(
        GITHUB_SERVER_URL="https://github.example",
        GITHUB_REPOSITORY="org/model",
        GITHUB_RUN_ID="7",
        GITHUB_RUN_ATTEMPT="2",
    )
    assert made.links() == {"github": "https://github.example/org/model/actions/runs/7"}
    assert made.attempt() == "2"
    assert (made.name, made.local) == ("github", False)


@pytest.mark.parametrize(
    ("event", "payload", "is_trusted"),
    [
        ("push", None, True),
        ("schedule", None, True),
        ("workflow_dispatch", None, True),
        ("merge_group", None, True),
        ("pull_request", {"pull_request": {"head": {"repo": {"full_name": "org/model"}}}}, True),
        ("pull_request", {"pull_request": {"head": {"repo": {"full_name": "Org/Model"}}}}, True),
        ("pull_request", {"pull_request": {"head": {"repo": {"full_name": "eve/model"}}}}, False),
        ("pull_request_target", {"pull_request": {"head": {"repo": {"full_name": "eve/model"}}}}, False),
        ("pull_request", {"pull_request": {"head": {"repo": None}}}, False),
        ("pull_request", {"pull_request": 3}, False),
        ("pull_request", [], False),
        ("pull_request", None, False),
        ("workflow_run", {"workflow_run": {"head_repository": {"full_name": "org/model"}}}, True),
        ("workflow_run", {"workflow_run": {"head_repository": {"full_name": "eve/model"}}}, False),
        ("issue_comment", {}, False),
        ("", None, False),
    ],
)
def test_only_the_repositorys_own_code_is_trusted(tmp_path, event, payload, is_trusted):
    path = tmp_path / "event.json"
    if payload is not None:
        path.write_text(json.dumps(payload))
    verdict, why = provider(
        GITHUB_EVENT_NAME=event, GITHUB_EVENT_PATH=str(path), GITHUB_REPOSITORY="org/model"
    ).trusted()
    assert verdict is is_trusted
    assert why
    if "eve" in json.dumps(payload):
        assert "the fork eve/model" in why


def test_a_broken_event_file_is_not_trusted(tmp_path):
    path = tmp_path / "event.json"
    path.write_bytes(b"\xff{")
    assert not provider(
        GITHUB_EVENT_NAME="pull_request", GITHUB_EVENT_PATH=str(path), GITHUB_REPOSITORY="o/m"
    ).trusted()[0]
    assert not provider(GITHUB_EVENT_NAME="pull_request").trusted()[0]


@pytest.mark.parametrize(
    ("server", "name"), [("https://github.com", "org/repo"), ("https://ghe.example", "ghe.example/org/repo")]
)
def test_what_brings_a_run_to_another_machine(server, name):
    there = provider(GITHUB_SERVER_URL=server, GITHUB_REPOSITORY="org/repo", GITHUB_RUN_ID="17")
    assert there.bring(".mlops/handover") == (f"gh run download 17 --repo {name} --dir .mlops/handover",)
    assert provider().bring(".mlops/handover") == ()
