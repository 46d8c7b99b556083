"""Lineage from a real git repository."""

import subprocess

import pytest

from mlops_ci.run.lineage import NO_GIT, code_digest, code_files, copy_code, git_facts
from mlops_ci.run.workspace import Workspace


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "repo"
    root.mkdir()

    def git(*arguments):
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.invalid"]
        subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    (root / ".gitignore").write_text("ignored\n")
    (root / "train.py").write_text("print(1)\n")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "link").symlink_to("train.py")
    git("add", ".")
    git("commit", "-qm", "first")
    return root, git


def test_a_clean_repository(repository):
    root, _ = repository
    facts = git_facts(root)
    assert len(facts.commit) == 40
    assert facts.branch == "main"
    assert not facts.dirty
    assert facts.diff_sha256 is None
    assert facts.commit_time.startswith("20")


def test_a_change_makes_it_dirty_and_changes_the_digest(repository):
    root, _ = repository
    before = code_digest(root, code_files(root))
    (root / "train.py").write_text("print(2)\n")
    facts = git_facts(root)
    assert facts.dirty
    assert facts.diff_sha256
    assert code_digest(root, code_files(root)) != before


def test_untracked_counts_and_ignored_does_not(repository):
    root, _ = repository
    (root / "ignored").write_text("x")
    assert not git_facts(root).dirty
    (root / "new.py").write_text("x")
    assert git_facts(root).dirty
    names = [one.path for one in code_files(root)]
    assert "new.py" in names
    assert "ignored" not in names


def test_the_executable_bit_counts(repository):
    root, _ = repository
    before = code_digest(root, code_files(root))
    (root / "train.py").chmod(0o755)
    assert code_digest(root, code_files(root)) != before


def test_a_deleted_tracked_file_is_no_code(repository):
    root, _ = repository
    (root / "train.py").unlink()
    assert "train.py" not in [one.path for one in code_files(root)]


def test_a_copy_has_content_modes_and_links(repository, tmp_path):
    root, _ = repository
    target = tmp_path / "copy"
    copy_code(root, code_files(root), target)
    assert (target / "train.py").read_text() == "print(1)\n"
    assert (target / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (target / "link").is_symlink()
    assert not (target / ".git").exists()


def test_outside_git_the_files_are_listed_without_caches(tmp_path):
    (tmp_path / "train.py").write_text("x")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("x")
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "m.pt").write_text("x")
    assert git_facts(tmp_path) == NO_GIT
    assert [one.path for one in code_files(tmp_path, skip=("outputs",))] == ["train.py"]


def test_the_bundle_that_a_workflow_checks_out_is_neither_code_nor_a_change(repository, tmp_path):
    """A clone in `.mlops/bundle`, made before anything of ours has run: no key and no lineage may know of it."""
    from mlops_ci.orchestrators.github.steps import BUNDLE

    root, _ = repository
    before = code_digest(root, code_files(root))
    subprocess.run(["git", "clone", "-q", str(root), str(root / BUNDLE)], check=True)
    (root / BUNDLE / "more.py").write_text("more\n")
    Workspace(root=root).prepare()
    assert code_digest(root, code_files(root)) == before
    assert not git_facts(root).dirty
