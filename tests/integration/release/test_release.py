"""A release in a clone with a remote of its own: commit, wheel, notes, tags, and what is refused."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support.gitlab_ci import make_bundle
from support.project import commit


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def release(clone: Path, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(clone / "bin" / "release.py"), *words]
    return subprocess.run(argv, cwd=clone, capture_output=True, text=True, timeout=120, check=False)


def done(clone: Path, *words: str) -> str:
    ended = release(clone, *words)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def refused(clone: Path, *words: str) -> str:
    ended = release(clone, *words)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr


GH = """#!/bin/sh
echo "$@" >>"{log}"
test "$1 $2" = "pr list" && echo {count}

exit 0
"""


def with_gh(folder: Path, count: int) -> dict[str, str]:
    """An environment in which `gh` notes how it was called."""
    folder.mkdir(exist_ok=True)
    (folder / "gh").write_text(GH.format(log=folder / "called", count=count))
    (folder / "gh").chmod(0o755)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def call(clone: Path, script: str, *words: str, environment: dict[str, str]) -> str:
    argv = [sys.executable, str(clone / "bin" / script), *words]
    ended = subprocess.run(argv, cwd=clone, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This working tree as a repository, with changes to tell of."""
    folder = tmp_path_factory.mktemp("release") / "bundle"
    return make_bundle(folder, files={"changes/1.feature.md": "Something **new**."})


@pytest.fixture
def clone(bundle: Path, tmp_path: Path) -> Path:
    """A clone with a remote of its own."""
    git(tmp_path, "clone", "--quiet", "--bare", str(bundle), "remote.git")
    git(tmp_path, "clone", "--quiet", "remote.git", "clone")
    return tmp_path / "clone"


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """Where the clone came from."""
    return tmp_path / "remote.git"


def test_a_dry_run_does_everything_and_changes_nothing(clone: Path, remote: Path):
    before = [git(folder, "for-each-ref") for folder in (clone, remote)]
    said = done(clone, "--dry-run", "1.2.3")
    assert "Something **new**." in said
    assert "built mlops_ci-1.2.3-py3-none-any.whl" in said
    assert "pushed to origin: v1.2.3, v1" in said
    assert "1.2.3 could be released" in said
    assert git(clone, "status", "--porcelain") == ""
    assert [git(folder, "for-each-ref") for folder in (clone, remote)] == before


def test_two_releases_and_the_tag_that_moves(clone: Path, remote: Path, tmp_path: Path):
    done(clone, "prepare", "1.2.3")
    assert "Release 1.2.3" in git(clone, "log", "-1", "--format=%s")
    assert list((clone / "changes").glob("*.md")) == []
    assert "default: v1.2.3" in (clone / "ci" / "gitlab" / "train.yml").read_text()
    assert "ref: v1.2.3" in (clone / "examples" / "gitlab" / ".gitlab-ci.yml").read_text()
    done(clone, "check", "1.2.3")
    done(clone, "build", "1.2.3")
    (wheel,) = (clone / "dist").glob("*.whl")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert (clone / "dist" / "SHA256SUMS").read_text() == f"{digest}  {wheel.name}\n"
    assert "Something **new**." in (clone / "dist" / "notes.md").read_text()
    with zipfile.ZipFile(wheel) as archive:
        assert "mlops_ci/bundle/requirements/tool.lock" in archive.namelist()
    call(clone, "release.py", "publish", "1.2.3", environment=with_gh(tmp_path / "gh", 0))
    called = (tmp_path / "gh" / "called").read_text()
    assert called.startswith("release create v1.2.3 ")
    for part in (wheel.name, "SHA256SUMS", "--verify-tag", "notes.md"):
        assert part in called
    done(clone, "build", "1.2.3", "--output", str(tmp_path / "again"))
    assert (tmp_path / "again" / wheel.name).read_bytes() == wheel.read_bytes(), "an equal commit, an equal wheel"

    done(clone, "tag", "1.2.3")
    first = git(clone, "rev-parse", "HEAD")
    assert git(remote, "rev-parse", "v1.2.3^{commit}") == git(remote, "rev-parse", "v1") == first
    assert git(remote, "cat-file", "-t", "v1.2.3") == "tag", "a release has a message, a date and a name"
    done(clone, "tag", "1.2.3")  # once more, after a job that was cut off

    (clone / "changes" / "2.bugfix.md").write_text("Mended.")
    commit(clone, "a change")
    done(clone, "prepare", "1.3.0")
    done(clone, "tag", "1.3.0")
    assert git(remote, "rev-parse", "v1") == git(clone, "rev-parse", "HEAD") != first
    assert git(remote, "rev-parse", "v1.2.3^{commit}") == first
    git(clone, "checkout", "--quiet", "--detach", first)
    assert "v1 stays at 1.3.0" in done(clone, "tag", "1.2.3")
    assert git(remote, "rev-parse", "v1") != first


def test_what_is_refused(clone: Path, remote: Path):
    git(remote, "tag", "v1.2.3", "main")
    assert "v1.2.3 exists already" in refused(clone, "prepare", "1.2.3"), "a tag of the remote alone counts"
    git(clone, "fetch", "--quiet", "--tags")
    assert "v1.2.3 exists already" in refused(clone, "--dry-run", "1.2.3")
    assert "is no version" in refused(clone, "prepare", "1.2")
    assert "1.2.2 is older than 1.2.3" in refused(clone, "prepare", "1.2.2")
    disagreement = refused(clone, "check", "2.0.0")
    for part in ("pyproject.toml says", "does not tell of yet: 1.feature.md", "has no section on 2.0.0"):
        assert part in disagreement
    assert "no section on 2.0.0" in refused(clone, "build", "2.0.0")
    (clone / "stray.txt").write_text("not committed")
    for words in (("prepare", "2.0.0"), ("--dry-run", "2.0.0"), ("check", "2.0.0")):
        assert "uncommitted changes: stray.txt" in refused(clone, *words)
    (clone / "stray.txt").unlink()
    git(clone, "rm", "--quiet", "-r", "changes")
    commit(clone, "nothing to tell")
    assert "no fragment lies in changes/" in refused(clone, "prepare", "2.0.0")
    git(clone, "remote", "set-url", "origin", str(remote.with_name("gone.git")))
    assert "cannot be asked for" in refused(clone, "prepare", "2.0.0")


def test_newer_pins_become_one_pull_request(clone: Path, remote: Path, tmp_path: Path):
    (clone / "requirements" / "tool.lock").write_text("newer==2\n")
    patch = tmp_path / "pins.patch"
    patch.write_text(git(clone, "diff", "--binary") + "\n")
    git(clone, "checkout", "--quiet", "--", ".")
    words = [str(patch), "--branch", "update/pins", "--base", "main", "--title", "Newer pins"]
    call(clone, "pull_request.py", *words, environment=with_gh(tmp_path / "one", 0))
    assert git(remote, "show", "update/pins:requirements/tool.lock") == "newer==2"
    assert git(remote, "log", "--format=%s", "main..update/pins") == "Newer pins"
    assert "pr create --head update/pins --base main" in (tmp_path / "one" / "called").read_text()
    git(clone, "checkout", "--quiet", "main")
    said = call(clone, "pull_request.py", *words, environment=with_gh(tmp_path / "two", 1))
    assert "the open pull request of update/pins has the new commit" in said
    assert "pr create" not in (tmp_path / "two" / "called").read_text()


def test_no_news_is_no_pull_request(clone: Path, remote: Path, tmp_path: Path):
    (tmp_path / "pins.patch").write_text("")
    words = [str(tmp_path / "pins.patch"), "--branch", "update/pins", "--base", "main", "--title", "Newer pins"]
    assert call(clone, "pull_request.py", *words, environment=with_gh(tmp_path / "gh", 0)) == "nothing is newer\n"
    assert "update/pins" not in git(remote, "for-each-ref")
    assert not (tmp_path / "gh" / "called").exists()
