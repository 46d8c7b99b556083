"""Templates: values never change the form of a message."""

from __future__ import annotations

import json

import pytest

from mlops_ci.notifying.event import Event, Line
from mlops_ci.notifying.posted import slack_escape, teams_escape
from mlops_ci.notifying.template import built_in, fill
from mlops_ci.redaction import Redactor

VALUES = {"title": "t", "reason": "", "facts": {"a": "1", "b": "2"}, "next_step": "n"}
HOSTILE = 'x"}],{"a":"{title} <!channel> [l](https://evil.invalid) \\'


def test_placeholders_conditions_and_lists():
    template = {
        "text": "{title}: {next_step}",
        "all": "{facts}",
        "unknown": "{nothing} {}",
        "list": [{"$if": "reason", "x": "{reason}"}, {"$if": "title", "x": "{title}"}, 3, None, True],
        "pairs": [{"$each": "facts", "n": "{name}={value} {title}"}],
    }
    assert fill(template, VALUES) == {
        "text": "t: n",
        "all": {"a": "1", "b": "2"},
        "unknown": "{nothing} {}",
        "list": [{"x": "t"}, 3, None, True],
        "pairs": [{"n": "a=1 t"}, {"n": "b=2 t"}],
    }


def test_a_value_is_never_read_as_a_template():
    assert fill("{title}", {"title": "{next_step}", "next_step": "n"}) == "{next_step}"


@pytest.mark.parametrize(("name", "escape"), [("slack", slack_escape), ("teams", teams_escape), ("webhook", str)])
def test_hostile_values_stay_text(name, escape):
    plain = Event(kind="failure", line=Line(project="p"), title="t", at="1", reason="r", facts={"a": "b"})
    nasty = Event(
        kind="failure", line=Line(project=HOSTILE), title=HOSTILE, at="1", reason=HOSTILE, facts={"a": HOSTILE}
    )
    filled = [fill(built_in(name), one.values, escape) for one in (plain, nasty)]
    assert form(filled[0]) == form(filled[1])
    text = json.dumps(filled[1])
    if name == "slack":
        assert "<!channel>" not in text
    if name == "teams":
        assert "[l](" not in text


def form(value):
    """The shape without the texts."""
    if isinstance(value, dict):
        return {key: form(one) for key, one in value.items()}
    return [form(one) for one in value] if isinstance(value, list) else type(value).__name__


def test_slack_takes_what_is_sent():
    """Limits of Block Kit, counted in escaped characters: a section has 3000, a field 2000, and no text is empty."""
    longest = "&" * 9000
    event = Event(
        kind="missed-run", line=Line(project="p"), title=longest, at="1", reason=longest, facts={"a": longest}
    )
    message = fill(built_in("slack"), event.cleaned(Redactor()).values, slack_escape)
    sections = [block for block in message["blocks"] if block["type"] == "section"]
    assert [len(one["text"]["text"]) <= 3000 for one in sections if "text" in one] == [True, True]
    assert [len(field["text"]) <= 2000 for one in sections for field in one.get("fields", [])] == [True]
    assert [block["type"] for block in message["blocks"]] == ["section", "section", "section", "context"]


def test_an_address_in_teams_stays_whole():
    assert teams_escape("https://git.example/a_b(1)") == "https://git.example/a_b(1)"
