"""YAML as GitHub and as GitLab read it, with lines, and whatever a file may hold."""

from __future__ import annotations

import pytest

from mlops_ci.orchestrators.callers.yaml_tree import LARGEST, parse


def value(text: str, *, core: bool):
    (tree,) = parse(f"key: {text}\n", core=core).documents
    return tree.fields["key"].value


@pytest.mark.parametrize(
    ("text", "github", "gitlab"),
    [
        ("true", True, True),
        ("yes", "yes", True),
        ("off", "off", False),
        ("'true'", "true", "true"),
        ("12", 12, 12),
        ("0o17", 15, "0o17"),
        ("0x1f", 31, 31),
        ("1.5e+3", 1500.0, 1500.0),
        ("1.5e3", 1500.0, "1.5e3"),
        ("1e400", float("inf"), "1e400"),
        ("~", None, None),
        ("", None, None),
        ("v1.2.0", "v1.2.0", "v1.2.0"),
        ("1_000", "1_000", 1000),
        ("9" * 5000, 0, float("inf")),
    ],
)
def test_a_scalar_is_what_the_server_takes_it_for(text, github, gitlab):
    assert value(text, core=True) == github
    assert value(text, core=False) == gitlab


def test_lines_are_those_of_keys_and_values():
    (tree,) = parse("a: 1\nb:\n  - x\n  - c: y\n", core=True).documents
    assert tree.keys == {"a": 1, "b": 2}
    assert [one.line for one in tree.fields["b"].items] == [3, 4]
    assert tree.get("b") is tree.fields["b"]
    assert tree.get("b", "c") is None


def test_the_trigger_is_the_word_on_and_no_switch():
    (tree,) = parse("on: push\n", core=True).documents
    assert tree.text("on") == "push"


@pytest.mark.parametrize(
    ("text", "line", "words", "fix"),
    [
        ("a: [1\n", 2, "is no YAML", "is closed"),
        ("a: b\n\tc: d\n", 2, "is no YAML", "spaces alone indent"),
        ("a: *nowhere\n", 1, "undefined alias", "in quotes"),
        ("a: 1\nb: \x00\n", 2, "is no YAML", "delete this character"),
        ("a: &x [*x]\n", 1, "contains itself", "in the place of the alias"),
        ("a:\n" + "- " * 3000 + "x\n", 1, "nested too deeply", "fewer levels"),
        ("a: " + "x" * LARGEST, 1, "larger than 1 MiB", "elsewhere"),
        ("a: 1\na: 2\n", 2, "second time (first in line 1)", "keep one of the two"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line_and_what_to_do(text, line, words, fix):
    (fault,) = parse(text, core=True).faults
    assert fault.line == line
    assert words in fault.message
    assert fix in fault.fix


def test_aliases_do_not_grow():
    text = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
    (tree,) = parse(text, core=True).documents
    assert tree.fields["a59"].items[0] is tree.fields["a58"]


def test_merged_keys_count_at_gitlab_and_the_own_ones_win():
    text = "x: &x {a: 1, b: 2}\ny: &y {a: 5}\nz:\n  <<: [*x, *y]\n  b: 3\n"
    (tree,) = parse(text, core=False).documents
    assert {name: one.value for name, one in tree.fields["z"].fields.items()} == {"a": 1, "b": 3}


def test_tags_of_gitlab_are_kept():
    (tree,) = parse("script: !reference [.setup, script]\n", core=False).documents
    assert tree.fields["script"].tag == "!reference"
