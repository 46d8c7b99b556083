"""The commit that a pull request is based on, in real repositories: whole, shallow, and without it."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from mlops_ci.run.base import BaseUnknownError, base_commit, file_at, local_base
from support.project import commit


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), "-c", "user.name=T", "-c", "user.email=t@example.invalid", *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A repository with a branch `change` that left `main` at its first commit; both have gone on."""
    folder = tmp_path / "origin"
    (folder / "conf").mkdir(parents=True)
    # Neither a line end that is missing nor one of another system may change on the way.
    (folder / "conf" / "mlops.toml").write_bytes(b"# first\r\n" + b"# more\n" * 3000 + b"# last")
    commit(folder, "first")
    git(folder, "tag", "began")
    git(folder, "checkout", "-q", "-b", "change")
    (folder / "conf" / "mlops.toml").write_text("# changed\n")
    commit(folder, "change")
    git(folder, "checkout", "-q", "main")
    (folder / "README").write_text("main goes on\n")
    commit(folder, "second")
    git(folder, "config", "uploadpack.allowAnySHA1InWant", "true")
    return folder


def merged(origin: Path) -> str:
    """What GitHub makes of the two, and checks out."""
    git(origin, "checkout", "-q", "--detach", "main")
    git(origin, "merge", "-q", "--no-ff", "-m", "merge", "change")
    return git(origin, "rev-parse", "HEAD")


def clone(origin: Path, target: Path, depth: int, revision: str) -> Path:
    target.mkdir()
    git(target, "init", "-q")
    git(target, "remote", "add", "origin", f"file://{origin}")
    git(target, "fetch", "-q", "--depth", str(depth), "origin", revision)
    git(target, "checkout", "-q", "--detach", "FETCH_HEAD")
    return target


def test_a_file_is_what_it_was_byte_for_byte(origin: Path) -> None:
    first = git(origin, "rev-parse", "began")
    path = origin / "conf" / "mlops.toml"
    assert file_at(first, path) == b"# first\r\n" + b"# more\n" * 3000 + b"# last"
    assert file_at(git(origin, "rev-parse", "change"), path) == b"# changed\n"
    assert file_at(first, origin / "conf" / "other.toml") is None
    assert file_at(first, origin / "README") is None
    assert file_at(first, origin / "conf") is None
    assert file_at(first, origin.parent / "outside.toml") is None


def test_a_file_of_a_folder_that_the_change_removed(origin: Path) -> None:
    first = git(origin, "rev-parse", "began")
    git(origin, "rm", "-q", "-r", "conf")
    assert (
        hashlib.sha256(file_at(first, origin / "conf" / "mlops.toml") or b"").digest() != hashlib.sha256(b"").digest()
    )


def test_the_merge_that_is_checked_out_brings_its_base_along(origin: Path, tmp_path: Path) -> None:
    """The branch has moved since the event: what the event names is not in the clone, and nothing can be fetched."""
    merge, main = merged(origin), git(origin, "rev-parse", "main")
    here = clone(origin, tmp_path / "clone", 2, merge)
    git(here, "remote", "remove", "origin")
    assert base_commit(here, (f"{merge}^1", "0" * 40)) == main
    assert file_at(main, here / "conf" / "mlops.toml").startswith(b"# first\r\n")


def test_a_base_beyond_the_depth_is_fetched(origin: Path, tmp_path: Path) -> None:
    first = git(origin, "rev-parse", "began")
    here = clone(origin, tmp_path / "clone", 1, git(origin, "rev-parse", "change"))
    assert subprocess.run(
        ["git", "-C", str(here), "cat-file", "-e", first], capture_output=True, check=False
    ).returncode
    assert base_commit(here, (first,)) == first
    assert file_at(first, here / "conf" / "mlops.toml").startswith(b"# first\r\n")


def test_a_base_that_cannot_be_had_ends_everything(origin: Path, tmp_path: Path) -> None:
    merge = merged(origin)
    here = clone(origin, tmp_path / "clone", 1, merge)
    git(here, "remote", "remove", "origin")
    with pytest.raises(
        BaseUnknownError, match="the base commit 000000000000 of this pull request is not in this"
    ) as error:
        base_commit(here, (f"{merge}^1", "0" * 40))
    assert error.value.exit_code == 4
    assert "fetch-depth: 2" in error.value.hint
    with pytest.raises(BaseUnknownError, match="does not say which commit"):
        base_commit(here, ())


def test_the_first_parent_of_what_is_no_merge_is_the_changes_own(origin: Path) -> None:
    git(origin, "checkout", "-q", "change")
    change, first = git(origin, "rev-parse", "change"), git(origin, "rev-parse", "began")
    main = git(origin, "rev-parse", "main")
    assert git(origin, "rev-parse", f"{change}^1") == first
    assert base_commit(origin, (f"{change}^1", main)) == main
    with pytest.raises(BaseUnknownError):
        base_commit(origin, (f"{change}^1",))


def test_of_a_person_it_is_where_the_branch_began(origin: Path, tmp_path: Path) -> None:
    git(origin, "checkout", "-q", "change")
    assert local_base(origin) == git(origin, "rev-parse", "began")
    git(origin, "branch", "-q", "-m", "main", "trunk")
    assert local_base(origin) is None
    git(origin, "update-ref", "refs/remotes/origin/trunk", "trunk")
    git(origin, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    assert local_base(origin) == git(origin, "rev-parse", "began")
    assert local_base(tmp_path) is None
