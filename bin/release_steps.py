"""The steps of a release that change something: the commit before it, the tags, and the release on GitHub."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from release_facts import (
    CHANGELOG,
    RefusedError,
    Version,
    declared,
    fragments,
    known_tags,
    major_of,
    order,
    refuse_known,
    released,
    tag_of,
    tracked_changes,
)
from release_git import as_somebody, git

# Files that name the release that they belong to. `mlops-ci render` and the docs are tested to agree with it.
NAMING = ("ci/gitlab", "templates", "examples", "docs")


def prepare(root: Path, version: Version, remote: str) -> None:
    """One commit: the new version wherever it is named, and the fragments moved into the changelog."""
    changed = tracked_changes(root)
    if changed:
        raise RefusedError(f"uncommitted changes: {', '.join(changed[:5])}; commit them first")
    refuse_known(root, version, remote)
    newest = max(released(known_tags(root, remote)), key=order, default=None)
    if newest is not None and order(version) < order(newest) and major_of(version) == major_of(newest):
        raise RefusedError(f"{version} is older than {newest}")
    if not fragments(root):
        raise RefusedError("there is nothing to tell: no fragment lies in changes/")
    before = declared(root)
    set_version(root / "pyproject.toml", version)
    listed = git(root, "ls-files", *NAMING).splitlines()
    named = [path for path in listed if rename(root / path, tag_of(before), tag_of(version))]
    words = [sys.executable, "-m", "towncrier", "build", "--yes", "--version", version]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RefusedError(f"towncrier ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")
    git(root, "add", "--all", "--", "pyproject.toml", CHANGELOG, "changes", *named)
    git(root, *as_somebody(root), "commit", "--quiet", "--message", f"Release {version}")
    print(f"committed: Release {version}, named in {len(named) + 1} files; open a pull request with it")


def set_version(path: Path, version: Version) -> None:
    """Write the version into pyproject.toml, and leave every other line as it is."""
    text, count = re.subn(r'(?m)^version = "[^"]*"$', f'version = "{version}"', path.read_text())
    if count != 1:
        raise RefusedError(f"{path.name} has {count} lines `version = ...`, not one")
    path.write_text(text)


def rename(path: Path, old: str, new: str) -> bool:
    """Replace a tag in a file, as a whole word; whether it was there."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    replaced = re.sub(rf"(?<![\w.-]){re.escape(old)}(?![\w-]|\.\d)", new, text)
    path.write_text(replaced, encoding="utf-8")
    return replaced != text


def move_tags(root: Path, version: Version, remote: str) -> None:
    """Push the release's tag and the moved major tag: both, or none. A tag that is there already is not made again."""
    tags = known_tags(root, remote)
    if tag_of(version) not in tags:
        message = f"mlops-ci {version}"
        git(root, *as_somebody(root), "tag", "--annotate", "--message", message, tag_of(version), "HEAD")
    refs = [f"refs/tags/{tag_of(version)}"]
    newer = [one for one in released(tags) if major_of(one) == major_of(version) and order(one) > order(version)]
    if newer:
        print(f"{major_of(version)} stays at {newer[-1]}, which is newer")
    else:
        git(root, "tag", "--force", major_of(version), "HEAD")
        refs.append(f"+refs/tags/{major_of(version)}")
    git(root, "push", "--quiet", "--atomic", remote, *refs)
    print(f"pushed to {remote}: {', '.join(ref.rpartition('/')[2] for ref in refs)}")


def publish(root: Path, version: Version, output: Path) -> None:
    """The release on GitHub with what was built, by `gh` and the token in GH_TOKEN."""
    files = [*sorted(output.glob("*.whl")), output / "SHA256SUMS"]
    words = ["gh", "release", "create", tag_of(version), *map(str, files), "--verify-tag"]
    words += ["--title", version, "--notes-file", str(output / "notes.md")]
    if subprocess.run(words, cwd=root, check=False).returncode != 0:
        raise RefusedError("gh did not make the release: see above")
