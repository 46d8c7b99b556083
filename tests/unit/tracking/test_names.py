import posixpath
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_ci.tracking.names import NameTable, clean, escape, unescape

# The rule of MLflow 3.17: mlflow/utils/validation.py, validate_param_and_metric_name and path_not_unique.
ALLOWED = re.compile(r"^[/\w.\- :]*$")
names = st.text(min_size=1, max_size=60)


def taken_by_mlflow(name: str) -> bool:
    normal = posixpath.normpath(name)
    unique = normal == name and normal != "." and not normal.startswith(("..", "/"))
    return bool(ALLOWED.match(name)) and unique and len(name) <= 250


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("loss/train", "loss/train"),
        ("val loss", "val loss"),
        ("top@5", "top_5"),
        ("a//b/./c/", "a/b/c"),
        ("/a/../b", "a/_/b"),
        ("...", "..."),
        ("@", "_"),
        ("/", "_"),
        ("x" * 300, "x" * 250),
        ("größe", "größe"),
    ],
)
def test_cleans(name, cleaned):
    assert clean(name) == cleaned


@given(names)
def test_a_cleaned_name_is_taken_by_mlflow(name):
    cleaned = clean(name)
    assert taken_by_mlflow(cleaned) or cleaned.startswith("..")


@given(st.lists(names, unique=True, max_size=30))
def test_a_table_gives_every_name_one_of_its_own_and_always_the_same(originals):
    table, again = NameTable(), NameTable()
    given_names = [table.name(one) for one in originals]
    assert len(set(given_names)) == len(originals)
    assert [again.name(one) for one in originals * 2] == given_names * 2
    assert all(len(one) <= 250 for one in given_names)
    assert set(table.renamed) == {one for one, other in zip(originals, given_names, strict=True) if one != other}


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("mlops.metric.top@5", "mlops.metric.top_x40_5"),
        ("loss/train", "loss/train"),
        ("a_x", "a_x5f_x"),
        ("_x40_", "_x5f_x40_"),
        ("a//b", "a_x2f__x2f_b"),
    ],
)
def test_escapes(name, escaped):
    assert escape(name) == escaped
    assert unescape(escaped) == name


@given(names)
def test_what_was_escaped_comes_back(name):
    escaped = escape(f"mlops.metric.{name}")
    assert ALLOWED.match(escaped)
    assert posixpath.normpath(escaped) == escaped
    assert unescape(escaped) == f"mlops.metric.{name}"


def test_a_foreign_name_that_looks_escaped_is_left_alone():
    assert unescape("_xffffff_") == "_xffffff_"
