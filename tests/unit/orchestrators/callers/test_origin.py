"""Where a repository is at home, from the address of its remote."""

from __future__ import annotations

import pytest

from mlops_ci.orchestrators.callers.origin import parse, top_of


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("https://github.com/team/model.git", ("github.com", "team/model")),
        ("https://user:secret@git.example:8443/a/b/c/", ("git.example", "a/b/c")),
        ("git@github.com:team/model.git", ("github.com", "team/model")),
        ("ssh://git@git.example:2222/team/model", ("git.example", "team/model")),
        ("/srv/git/model.git", ("", "")),
        ("file:///srv/git/model.git", ("", "")),
        ("../model", ("", "")),
        ("", ("", "")),
    ],
)
def test_server_and_path(address, wanted):
    assert parse(address) == wanted


def test_the_top_is_where_git_is(tmp_path):
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert top_of(below) == below
    (tmp_path / ".git").write_text("gitdir: elsewhere\n")
    assert top_of(below) == tmp_path
