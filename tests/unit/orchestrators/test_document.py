"""The writer of YAML: what it writes is read back as what it was given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from mlops_ci.orchestrators.gitlab.document import WIDTH, Explained, Flow, comment, scalar, yaml

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n\"'#:[]{}$ -"), max_size=20)
VALUES = st.recursive(
    st.booleans() | st.integers(-1000, 1000) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT.filter(bool), inner, max_size=3),
    max_leaves=8,
)


def read(text: str, version: str):
    reader = YAML(typ="safe", pure=True)
    reader.version = version
    return reader.load(text)


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@given(value=st.dictionaries(TEXT.filter(bool), VALUES, max_size=3))
def test_what_is_written_is_read_back_in_both_versions_of_yaml(version, value):
    assert (read(yaml(value), version) or {}) == value


@pytest.mark.parametrize("word", ["on", "Yes", "null", "~", "1e3", "0x1", "2026-01-01", "12:30", "", " a", "a ", "- a"])
def test_words_that_yaml_reads_as_something_else_are_quoted(word):
    assert scalar(word) in {f'"{word}"', f"'{word}'"}


@pytest.mark.parametrize("word", ["docker", "$CI_SERVER_URL/org/x.git", "$[[ inputs.job-prefix ]]plan", "a b"])
def test_plain_words_stay_plain(word):
    assert scalar(word) == word


def test_scripts_are_blocks_and_short_lists_stand_on_one_line():
    value = {"script": ["one", "two\nthree"], "needs": Flow(["a", "$[[ inputs.x ]]b"]), "when": Flow({"max": 2})}
    assert yaml(value) == (
        'script:\n  - one\n  - |-\n    two\n    three\nneeds: [a, "$[[ inputs.x ]]b"]\nwhen: {max: 2}\n'
    )


def test_reasons_stand_above_and_are_broken_at_the_width():
    text = yaml({"a": Explained("word " * 60, 1)})
    assert all(line.startswith("# word") for line in text.splitlines()[:-1])
    assert max(map(len, text.splitlines())) <= WIDTH
    assert comment("a\n\n  b") == ["# a", "#", "#   b"]
