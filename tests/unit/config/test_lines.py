"""The line scanner finds every key of any document that the standard library accepts."""

from __future__ import annotations

import tomllib

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_ci.config.keys import leaves
from mlops_ci.config.lines import lines_of
from mlops_ci.config.toml_text import written

DOCUMENT = '''\
# a comment with [table] and = sign
top = 1
"quoted key" = "a # no comment"   # a comment
'literal key' = 'x'
a.b . c = 1
text = """
[not.a.table]
key = 1
\\""" still inside
"""
raw = \'\'\'
[no]
\'\'\'
list = [ # comment ]
  1,

  { x = "]" },
  [2,
   3],
]
when = 1979-05-27 07:32:00
inline = { p = 1, "q r" = { s = [1, 2] } }
[ table . sub ]
k = "\\\\"
[[fruit]]
name = "apple"
[fruit.physical]
colour = "red"
[[fruit.variety]]
name = "red delicious"
[[fruit.variety]]
name = "granny smith"
[[fruit]]
name = "banana"
[table]
"\\u0041" = ""
empty = {}
none = []
end = """a""""
'''


def test_every_kind_of_key_has_its_line():
    tomllib.loads(DOCUMENT)
    lines = lines_of(DOCUMENT)
    expected = {
        ("top",): 2,
        ("quoted key",): 3,
        ("literal key",): 4,
        ("a", "b", "c"): 5,
        ("a",): 5,
        ("text",): 6,
        ("raw",): 11,
        ("list",): 14,
        ("list", 0): 15,
        ("list", 1): 17,
        ("list", 1, "x"): 17,
        ("list", 2): 18,
        ("list", 2, 1): 19,
        ("when",): 21,
        ("inline", "q r", "s", 1): 22,
        ("table", "sub"): 23,
        ("table", "sub", "k"): 24,
        ("fruit",): 25,
        ("fruit", 0, "name"): 26,
        ("fruit", 0, "physical", "colour"): 28,
        ("fruit", 0, "variety", 0, "name"): 30,
        ("fruit", 0, "variety", 1, "name"): 32,
        ("fruit", 1): 33,
        ("fruit", 1, "name"): 34,
        ("table", "A"): 36,
        ("table", "empty"): 37,
        ("table", "none"): 38,
        ("table", "end"): 39,
    }
    assert {key: lines.get(key) for key in expected} == expected


def test_windows_line_ends_count_once():
    assert lines_of("a = 1\r\n\r\nb = 2\r\n") == {("a",): 1, ("b",): 3}


PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

NAMES = st.text(alphabet="ab_-. \"'\\#=[]é\n", min_size=1, max_size=4)
SCALARS = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(alphabet="a\"'\\#[]{},=\n\té ", max_size=8),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=8,
)


@PATIENT
@given(st.dictionaries(NAMES, VALUES, max_size=5), st.integers(min_value=0, max_value=2))
def test_what_we_write_is_found_again_on_its_line(tree, space):
    rows = []
    expected = {}
    for name, value in tree.items():
        rows += ["# a comment = [ {"] * space
        rows.append(f"{written({name: value})[2:-2]}")
        for key, _ in leaves({name: value}):
            expected[key] = len(rows)
    text = "\n".join(rows)
    assert tomllib.loads(text) == tree
    lines = lines_of(text)
    assert {key: lines.get(key) for key in expected} == expected


@PATIENT
@given(st.text(alphabet="ab=.[]{}\"'\\#\n ,1", max_size=60))
def test_it_ends_on_any_text(text):
    lines_of(text)


@PATIENT
@given(st.text(alphabet="ab=.[]{}\"'#\n ,1", max_size=40))
def test_it_finds_every_key_of_every_valid_text(text):
    try:
        tree = tomllib.loads(text)
    except (ValueError, RecursionError):
        return
    lines = lines_of(text)
    for key, _ in leaves(tree):
        assert key in lines
