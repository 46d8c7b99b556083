"""A summary that is too long loses its folds from the end, says so, and is never over the limit."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_ci.providers.budget import fit


def fold(title: str, size: int, attributes: str = "") -> str:
    return f"<details{attributes}>\n<summary><b>{title}</b></summary>\n\n{'x' * size}\n\n</details>\n\n"


def test_what_fits_is_left_alone():
    text = "### ok\n" + fold("log", 10)
    assert fit(text, len(text)) == text


def test_the_last_folds_go_first_and_are_named():
    text = "### passed\n\n" + fold("one", 500) + fold("two", 500) + "after\n" + fold("three", 2000)
    made = fit(text, 2000)
    assert made.startswith("### passed")
    assert "one" in made
    assert "after" in made
    assert "x" * 600 not in made
    assert "_Left out here for its size: three. It stands in the report page._" in made
    made = fit(text, 1100)
    assert "Left out here for its size: two, three." in made


def test_many_folds_are_counted():
    made = fit("head\n" + "".join(fold(f"part {number}", 1000) for number in range(20)), 1500)
    assert "Left out here for its size: part 1, part 2, part 3, part 4 and 15 more. It stands" in made


def test_nested_folds_go_as_one():
    text = "head\n" + "<details open>\n<summary>outer</summary>\n" + fold("inner", 500) + "tail\n</details>\n" + "end\n"
    made = fit(text, 500)
    assert "</details>" not in made
    assert "inner" not in made
    assert "end" in made
    assert "outer" in made


def test_text_without_folds_is_cut_behind_a_line():
    made = fit("\n".join(f"line {number}" for number in range(1000)), 500)
    assert len(made.encode()) <= 500
    assert re.search(r"\nline \d+\n\n_Cut here", made)


def test_a_cut_code_block_is_closed():
    made = fit("```text\n" + "code\n" * 500, 500)
    assert made.count("```") == 2
    assert made.index("_Cut here") > made.rindex("```")


@pytest.mark.parametrize("limit", [-100, 0, 1, 50])
def test_without_room_there_is_nothing(limit):
    assert fit("x" * 1000, limit) == ""


@given(
    st.lists(
        st.sampled_from(["<details>", "</details>", "<summary>é</summary>", "text é\n", "```\n", "x" * 300, "\n"]),
        max_size=40,
    ),
    st.integers(-10, 3000),
)
def test_it_is_never_over_the_limit(parts, limit):
    text = "".join(parts)
    made = fit(text, limit)
    assert len(made.encode()) <= max(0, limit)
    if len(text.encode()) <= limit:
        assert made == text
