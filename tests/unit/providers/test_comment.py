"""The hidden line of the comment, and its size."""

from __future__ import annotations

import pytest

from mlops_ci.providers.comment import RUN, body_of, mark

NAMES = ["digits", "a b", "-->", "a--b", "<!--", 'x="y"', "ä", "\n", ""]


@pytest.mark.parametrize("name", NAMES)
def test_the_hidden_line_stays_hidden(name):
    """A comment in HTML ends at `-->`, and in older Markdown has no `--` in it."""
    line = body_of(mark(name, name), "run-1", "text", 1000).splitlines()[0]
    inside = line.removeprefix("<!--").removesuffix("-->")
    assert line.startswith("<!-- ")
    assert line.endswith(" -->")
    assert "--" not in inside
    assert ">" not in inside
    assert RUN.match(line)[1] == "run-1"


def test_no_two_names_have_one_mark():
    assert len({mark(first, second) for first in NAMES for second in NAMES}) == len(NAMES) ** 2


def test_the_limit_holds_for_the_whole():
    for limit in (500, 65_536):
        assert len(body_of(mark("digits", "mlops.toml"), "r", "äö\n" * 100_000, limit).encode()) <= limit


def test_no_line_of_it_is_a_command_to_the_server_or_to_a_bot():
    text = "<pre>\n/close\n  /merge now\n\t/assign me\nsee /tmp/x\n</pre>\n/ok to test"
    body = body_of(mark("digits", "mlops.toml"), "r", text, 1000)
    assert not [line for line in body.splitlines() if line.strip().startswith("/")]
    assert "see /tmp/x" in body
    assert "&#47;close" in body
