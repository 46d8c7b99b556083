"""YAML that reads back as what was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from mlops_ci.orchestrators.yaml_text import comment, item, pair, scalar, section

TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufeff\ufffe\uffff"))


def read(lines):
    return YAML(typ="safe").load("\n".join(lines) + "\n")


@given(TEXT)
def test_any_text_stays_itself(text):
    assert read([f"key: {scalar(text)}"]) == {"key": text}


@pytest.mark.parametrize(
    "value",
    [
        "",
        "on",
        "true",
        "NO",
        "1",
        "1e3",
        "0x10",
        "~",
        "null",
        "- a",
        "a: b",
        "a #b",
        "'x'",
        "[a]",
        "{a}",
        "a:",
        "2026-01-02",
    ],
)
def test_texts_that_yaml_would_read_as_something_else(value):
    assert read([f"key: {scalar(value)}"]) == {"key": value}


@pytest.mark.parametrize("value", [True, False, 0, 14])
def test_values_that_are_no_text(value):
    assert read(pair("key", value)) == {"key": value}


def test_long_expressions_are_folded_into_the_same_text():
    value = "${{ " + " && ".join(f"needs.plan.outputs.number-{n} == 'true'" for n in range(9)) + " }}"
    lines = pair("if", value)
    assert len(lines) > 2
    assert read(lines) == {"if": value}


def test_lists_and_sections_nest():
    lines = section("steps", [*item(["# why", *pair("name", "a")]), *item(section("with", pair("x", 1)))])
    assert read(lines) == {"steps": [{"name": "a"}, {"with": {"x": 1}}]}
    assert lines[1] == "  # why"


def test_paragraphs_of_a_comment_stay_apart():
    assert comment("one\ntwo\n\nthree") == ["# one two", "#", "# three"]
