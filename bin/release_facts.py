"""What must agree before a release: the version, the changelog, its fragments, the tags and the working tree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from release_git import GitError, git

VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
CHANGELOG = "CHANGELOG.md"
FRAGMENTS = "changes"
# A heading of the changelog, of the level that towncrier gives a release.
HEADING = re.compile(r"^# .*?(\d+\.\d+\.\d+)\b.*$", re.MULTILINE)

Version = str


class RefusedError(Exception):
    """The release cannot be made; the message says why."""


def parse_version(text: str) -> Version:
    """`1.2.3` of `1.2.3` or of the tag `v1.2.3`."""
    plain = text.removeprefix("v")
    if not VERSION.fullmatch(plain):
        raise RefusedError(f"{text!r} is no version: write it as 1.2.3")
    return plain


def tag_of(version: Version) -> str:
    """The tag of a release, which never moves."""
    return f"v{version}"


def major_of(version: Version) -> str:
    """The tag that callers name, which moves with every release of that major version."""
    return f"v{version.split('.', 1)[0]}"


def order(version: Version) -> tuple[int, ...]:
    """What versions are sorted by."""
    return tuple(map(int, version.split(".")))


def declared(root: Path) -> Version:
    """The version in pyproject.toml."""
    return str(tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"])


def fragments(root: Path) -> list[str]:
    """Changes that no release has told of yet."""
    return sorted(path.name for path in (root / FRAGMENTS).glob("*.md"))


def notes(root: Path, version: Version) -> str:
    """The section of the changelog on this version, without its heading; empty when there is none."""
    path = root / CHANGELOG
    text = path.read_text() if path.exists() else ""
    for found in HEADING.finditer(text):
        if found[1] == version:
            after = HEADING.search(text, found.end())
            return text[found.end() : after.start() if after else len(text)].strip()
    return ""


def tracked_changes(root: Path) -> list[str]:
    """Files that differ from the commit, new ones too."""
    return [line[3:] for line in git(root, "status", "--porcelain").splitlines()]


def known_tags(root: Path, remote: str) -> dict[str, str]:
    """Tags here and at the remote, to the commits that they are on."""
    local = git(root, "for-each-ref", "--format=%(refname:short) %(objectname) %(*objectname)", "refs/tags")
    found = {name: commit[-1] for name, *commit in (line.split() for line in local.splitlines())}
    try:
        listed = git(root, "ls-remote", "--tags", remote)
    except GitError as error:
        raise RefusedError(f"the tags at {remote} cannot be asked for: {error}") from error
    for line in listed.splitlines():
        commit, ref = line.split("\t")
        # An annotated tag comes twice; the second line is the commit that it is on.
        found[ref.removeprefix("refs/tags/").removesuffix("^{}")] = commit
    return found


def released(tags: dict[str, str]) -> list[Version]:
    """All versions with a tag, the oldest first."""
    return sorted((name[1:] for name in tags if name[:1] == "v" and VERSION.fullmatch(name[1:])), key=order)


def refuse_known(root: Path, version: Version, remote: str) -> None:
    """Raise when that version was released before."""
    commit = known_tags(root, remote).get(tag_of(version))
    if commit is not None:
        raise RefusedError(f"{tag_of(version)} exists already, on {commit[:12]}: a release never changes")


def check(root: Path, version: Version, remote: str) -> None:
    """Raise `RefusedError` with everything that does not agree."""
    wrong = []
    changed = tracked_changes(root)
    if changed:
        wrong.append(f"uncommitted changes: {', '.join(changed[:5])}")
    if declared(root) != version:
        wrong.append(f"pyproject.toml says {declared(root)}: run `python bin/release.py prepare {version}`")
    if fragments(root):
        wrong.append(f"changes that {CHANGELOG} does not tell of yet: {', '.join(fragments(root))}")
    if not notes(root, version):
        wrong.append(f"{CHANGELOG} has no section on {version}")
    commit, head = known_tags(root, remote).get(tag_of(version)), git(root, "rev-parse", "HEAD")
    if commit not in (None, head):
        wrong.append(f"{tag_of(version)} exists already, on {str(commit)[:12]}, and this is {head[:12]}")
    if wrong:
        raise RefusedError("; ".join(wrong))
