"""GitLab CI: sections in the log, a dotenv report, a summary file."""

from __future__ import annotations

import io
import re

import pytest

from mlops_ci.console import Console
from mlops_ci.providers.gitlab import DOTENV, DOTENV_BYTES, SUMMARY, SUMMARY_BYTES, GitLabSink, gitlab_provider
from mlops_ci.providers.stream import LineWriter

MARK = re.compile("\x1b\\[0Ksection_(start|end):(\\d+):([a-zA-Z0-9_.-]+)\r\x1b\\[0K")


@pytest.fixture
def log():
    return io.StringIO()


@pytest.fixture
def sink(log):
    return GitLabSink(out=LineWriter(log))


def provider(**environ):
    return gitlab_provider(environ, io.StringIO())


def test_a_fold_is_a_section(sink, log):
    with Console(sink=sink).fold("build it", "Build"):
        sink.line("inside")
    marks = MARK.findall(log.getvalue())
    assert [(kind, name) for kind, _, name in marks] == [("start", "mlops_ci_build_it"), ("end", "mlops_ci_build_it")]
    assert int(marks[0][1]) <= int(marks[1][1])
    assert "\r\x1b[0KBuild\ninside\n" in log.getvalue()


def test_sections_of_one_name_are_told_apart(sink, log):
    for _ in range(2):
        sink.open_fold("a", "A")
        sink.close_fold("a")
    assert [name for _, _, name in MARK.findall(log.getvalue())] == [
        "mlops_ci_a",
        "mlops_ci_a",
        "mlops_ci_a_2",
        "mlops_ci_a_2",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "\x1b[0Ksection_end:1700000000:mlops_ci_build\r\x1b[0K",
        "section_start:1:x\r\x1b[0Ktitle",
        "a\nsection_start:1:x",
        "\x1b]0;x\x07section_end:1:x\r",
    ],
)
def test_lines_of_other_programs_open_and_close_nothing(sink, log, line):
    sink.line(line)
    sink.annotate("error", line, line)
    sink.open_fold("f", line)
    assert [name for _, _, name in MARK.findall(log.getvalue())] == ["mlops_ci_f"]
    assert len(re.findall(r"section_(?:start|end):\d", log.getvalue())) == 1


def test_annotations_are_coloured_lines(sink, log):
    sink.annotate("error", "usage", "first\nsecond", file="mlops.toml", line=3)
    assert log.getvalue() == "\x1b[31mmlops.toml:3: error: usage\x1b[0m\n  first\n  second\n"


def test_no_colour():
    made = provider(NO_COLOR="1")
    made.sink.annotate("warning", "t", "x")
    made.sink.line("\x1b[31mred\x1b[0m")
    assert made.sink.out.stream.getvalue() == "warning: t\n  x\nred\n"


def test_outputs_are_a_dotenv_report(tmp_path):
    made = provider(CI_PROJECT_DIR=str(tmp_path))
    made.set_output("result-json", '{"a": 1}')
    made.set_output("path", "two\nlines")
    made.set_output("empty", "")
    assert (tmp_path / DOTENV).read_text() == (
        'MLOPS_RESULT_RESULT_JSON={"a": 1}\nMLOPS_RESULT_PATH=two\\nlines\nMLOPS_RESULT_EMPTY=\n'
    )


def test_what_is_handed_on_is_no_part_of_the_code(tmp_path):
    made = provider(CI_PROJECT_DIR=str(tmp_path))
    made.set_output("a", "b")
    made.summary("c")
    assert [one.name for one in tmp_path.iterdir()] == [".mlops"]
    assert (tmp_path / ".mlops" / ".gitignore").read_text() == "*\n"


def test_a_report_that_gitlab_would_refuse_is_not_written(tmp_path):
    made = provider(CI_PROJECT_DIR=str(tmp_path))
    made.set_output("small", "x")
    made.set_output("large", "x" * DOTENV_BYTES)
    assert (tmp_path / DOTENV).read_text() == "MLOPS_RESULT_SMALL=x\n"
    assert "MLOPS_RESULT_LARGE was left out" in made.sink.out.stream.getvalue()


def test_summaries_are_appended(tmp_path):
    made = provider(CI_PROJECT_DIR=str(tmp_path))
    made.summary("### one")
    made.summary("### two\n")
    assert (tmp_path / SUMMARY).read_text() == "### one\n### two\n"
    for _ in range(20):
        made.summary("### more\n<details><summary>log</summary>" + "x" * 100_000 + "</details>")
    assert (tmp_path / SUMMARY).stat().st_size <= SUMMARY_BYTES


def test_links_and_attempt():
    made = provider(
        CI_PIPELINE_URL="https://gitlab.example/p/1", CI_JOB_URL="https://gitlab.example/j/2", CI_JOB_ID="2"
    )
    assert made.links() == {"gitlab-pipeline": "https://gitlab.example/p/1", "gitlab-job": "https://gitlab.example/j/2"}
    assert made.attempt() == "2"
    assert (made.name, made.local) == ("gitlab", False)


OWN = {"CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "org/model", "CI_MERGE_REQUEST_PROJECT_PATH": "org/model"}
FORK = {**OWN, "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "eve/model"}


@pytest.mark.parametrize(
    ("environ", "is_trusted"),
    [
        ({"CI_PIPELINE_SOURCE": "push"}, True),
        ({"CI_PIPELINE_SOURCE": "schedule"}, True),
        ({"CI_PIPELINE_SOURCE": "merge_request_event", **OWN}, True),
        ({"CI_PIPELINE_SOURCE": "merge_request_event", **FORK}, False),
        ({"CI_PIPELINE_SOURCE": "merge_request_event"}, False),
        ({"CI_PIPELINE_SOURCE": "parent_pipeline", "CI_MERGE_REQUEST_IID": "4", **FORK}, False),
        ({"CI_PIPELINE_SOURCE": "parent_pipeline"}, True),
        (
            {
                "CI_PIPELINE_SOURCE": "external_pull_request_event",
                "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY": "eve/model",
                "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY": "org/model",
            },
            False,
        ),
        ({}, False),
    ],
)
def test_only_the_projects_own_code_is_trusted(environ, is_trusted):
    verdict, why = provider(**environ).trusted()
    assert verdict is is_trusted
    assert ("the fork eve/model" in why) == ("eve/model" in environ.values())


def test_what_brings_a_run_to_another_machine():
    around = {"CI_API_V4_URL": "https://gitlab.example/api/v4", "CI_PROJECT_ID": "7", "CI_PIPELINE_ID": "99"}
    (line,) = provider(**around, CI_JOB_TOKEN="glcbt-secret").bring(".mlops/handover")
    assert "https://gitlab.example/api/v4/projects/7/pipelines/99/jobs?per_page=100" in line
    assert 'https://gitlab.example/api/v4/projects/7"/jobs/$job/artifacts"' in line
    assert "$GITLAB_TOKEN" in line
    assert "glcbt" not in line
    assert provider().bring(".mlops/handover") == ()
