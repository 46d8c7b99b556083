"""The wire formats, and the lines that must not become commands."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlops_ci.providers.text import bones
from mlops_ci.providers.workflow_commands import (
    escape_data,
    escape_property,
    github_command,
    harmless_at_github,
    harmless_at_gitlab,
    section_end,
    section_name,
    section_start,
)


def obeyed_by_the_runner(line: str) -> bool:
    """As actions/runner reads a line (ActionCommand.cs), on a machine whose culture ignores invisible characters."""
    bare = bones(line)
    second = bare.lstrip()
    return (second.startswith("::") and "::" in second[2:]) or re.search(r"##\[[^\]]*\]", bare) is not None


@pytest.mark.parametrize(
    "line",
    [
        "::error::no",
        "  \t::add-mask::x",
        "\u3000::set-output name=a::b",
        "::stop-commands::token",
        "##[error]no",
        "in the middle ##[group]x",
        "\u200b::error::no",
        ":\u200b:error::no",
        "#\u00ad#[error]no",
        "\x1b[31m::error::no",
        "\x1b]0;x\x07::error::no",
        "\x00::error::no",
        "::error::no ##[error]no",
    ],
)
def test_commands_are_not_obeyed_but_seen(line):
    shown = harmless_at_github(line, line)
    assert not obeyed_by_the_runner(shown)
    assert "no" in shown or "x" in shown or "b" in shown or "token" in shown


@pytest.mark.parametrize(
    "line", ["plain", "std::vector", "a ::error::", ": :", "# # [x]", "## [x]", "\x1b[31mred\x1b[0m", "[::1]:80", ""]
)
def test_other_lines_are_left_alone(line):
    assert harmless_at_github(line, line) == line


@given(st.text(alphabet=":#[]error \t\u200b\u00ad\u0301\x1bm\u3000", max_size=20))
@example("::::")
@example("##[##[")
def test_no_line_is_obeyed(line):
    assert not obeyed_by_the_runner(harmless_at_github(line, line))


def test_escapes():
    assert escape_data("100%\r\n: , %0A") == "100%25%0D%0A: , %250A"
    assert escape_property("a:b,c%\n") == "a%3Ab%2Cc%25%0A"


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_command_is_one_line_and_is_read_back(data, value):
    """Unescaped as the runner does, `%` last."""
    command = github_command("error", data, {"title": value, "file": None, "line": ""})
    assert "\n" not in command
    assert "\r" not in command
    match = re.fullmatch(r"::error(?: title=([^:,]*))?::(.*)", command, re.DOTALL)
    assert match

    def unescaped(text: str) -> str:
        for token, mark in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
            text = text.replace(token, mark)
        return text

    assert unescaped(match[1] or "") == value
    assert match[2].replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%") == data


def test_sections():
    assert section_start("mlops_ci_build", "Build \x1b[31mit\n", 1700000000.9) == (
        "\x1b[0Ksection_start:1700000000:mlops_ci_build\r\x1b[0KBuild it "
    )
    assert section_end("mlops_ci_build", 1700000001) == "\x1b[0Ksection_end:1700000001:mlops_ci_build\r\x1b[0K"
    assert section_name("my build/été:1") == "mlops_ci_my_build__t__1"


@pytest.mark.parametrize("line", ["section_start:1:x", "a section_end:1:x[collapsed=true]b", "SECTION_START:1:x"])
def test_section_marks_are_broken(line):
    assert not re.search(r"section_(start|end):\d", harmless_at_gitlab(line), re.IGNORECASE)
