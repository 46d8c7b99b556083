"""A call that looks at several machines: its list is read before any of them is asked for."""

from __future__ import annotations

from pathlib import Path

from .conftest import Only, Repository

FLEET_FILE = ".github/workflows/fleet.yml"


def test_a_list_of_machines_is_checked_before_plan_reads_it(empty: Repository, only: Only):
    example = (Path(__file__).parents[4] / "examples" / "github" / "fleet.yml").read_text()
    empty.write(FLEET_FILE, example)
    assert empty.github().findings == ()
    given = """nodes: ${{ vars.MLOPS_CI_FLEET || '["gpu"]' }}"""
    assert given in example
    for value, words in (
        ("gpu-01", "no JSON"),
        ("'[]'", "an empty list"),
        ("""'["a", "a"]'""", "names a twice"),
        ("[gpu-01]", "`nodes` is a list, and must be a text"),
    ):
        empty.write(FLEET_FILE, example.replace(given, f"nodes: {value}"))
        found = only(empty.github())
        assert words in found.message
        assert found.level == "error"
        assert found.fix
