"""A commit beside the working tree, from a real git repository."""

from __future__ import annotations

import subprocess

import pytest

from mlops_ci.run.lineage import code_digest, code_files, git_facts
from mlops_ci.run.worktree import CommitGoneError, worktree
from support.project import commit as commit_all
from support.project import make_project


@pytest.fixture
def repository(tmp_path):
    """A project in a folder of a repository, and its first commit."""
    make_project(tmp_path / "repository" / "project")
    root = tmp_path / "repository"
    subprocess.run(["rm", "-rf", str(root / "project" / ".git")], check=True)
    commit_all(root, "first")
    return root / "project", git_facts(root).commit


def listed(root):
    argv = ["git", "-C", str(root), "worktree", "list"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def test_the_files_of_then_whatever_has_become_of_them(repository, tmp_path):
    root, first = repository
    before = code_digest(root, code_files(root))
    (root / "train.py").write_text("print('another')\n")
    commit_all(root.parent, "second")
    (root / "evaluate.py").unlink()
    with worktree(root, first, tmp_path / "then" / "code") as then:
        assert then == tmp_path / "then" / "code" / "project"
        assert code_digest(then, code_files(then)) == before
        facts = git_facts(then)
        assert (facts.commit, facts.dirty) == (first, False)
    assert not (tmp_path / "then" / "code").exists()
    assert len(listed(root).splitlines()) == 1
    assert (root / "train.py").read_text() == "print('another')\n", "the working tree is nobody's business"


def test_it_is_gone_when_the_work_in_it_fails(repository, tmp_path):
    root, first = repository
    with pytest.raises(KeyboardInterrupt):
        with worktree(root, first, tmp_path / "code") as then:
            (then / "outputs").mkdir()
            raise KeyboardInterrupt
    assert not (tmp_path / "code").exists()
    assert len(listed(root).splitlines()) == 1


def test_what_a_killed_process_left_in_gits_list_is_no_obstacle(repository, tmp_path):
    root, first = repository
    subprocess.run(
        ["git", "-C", str(root), "worktree", "add", "-q", "--detach", str(tmp_path / "old"), first], check=True
    )
    subprocess.run(["rm", "-rf", str(tmp_path / "old")], check=True)
    with worktree(root, first, tmp_path / "old"):
        pass
    assert len(listed(root).splitlines()) == 1


def test_hooks_of_the_repository_do_not_run(repository, tmp_path):
    root, first = repository
    hook = root.parent / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    with worktree(root, first, tmp_path / "code"):
        assert not (tmp_path / "ran").exists()


def test_a_commit_that_is_not_here_says_how_to_get_it(repository, tmp_path):
    root, _ = repository
    with pytest.raises(CommitGoneError, match="is not in this repository") as caught:
        with worktree(root, "d" * 40, tmp_path / "code"):
            pass
    assert "git fetch" in caught.value.hint
    assert caught.value.exit_code == 4


def test_outside_of_git(tmp_path):
    with pytest.raises(CommitGoneError, match="in no git repository"):
        with worktree(tmp_path, "d" * 40, tmp_path / "code"):
            pass
