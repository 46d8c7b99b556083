"""What a run was made from: the commit, the working tree's difference from it, and the digest of the code."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from mlops_ci import process
from mlops_ci.errors import UsageError
from mlops_ci.files import digest_of, sha256_of

# Folders that hold no code, for a directory that git does not know.
SKIPPED = frozenset(
    {".git", ".mlops", ".nox", ".venv", "venv", "__pycache__", "node_modules", ".mypy_cache", ".pytest_cache"}
)

# What the pipeline itself writes into a repository is no change of the code.
OURS = (":(exclude)images.lock",)


class CodeError(UsageError):
    """The repository's files cannot be read or copied."""


@dataclass(frozen=True, kw_only=True)
class GitFacts:
    """`diff_sha256` is null for a clean tree; all are null outside a git repository."""

    commit: str | None
    commit_time: str | None
    branch: str | None
    dirty: bool
    diff_sha256: str | None


NO_GIT = GitFacts(commit=None, commit_time=None, branch=None, dirty=True, diff_sha256=None)


@dataclass(frozen=True, kw_only=True)
class CodeFile:
    """A file of the repository: `path` relative to the root, `link` the target of a symbolic link."""

    path: str
    executable: bool
    link: str | None


def git_facts(root: Path) -> GitFacts:
    """What git says of the folder; `NO_GIT` when it is no repository, has no commit, or git is not there."""
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None:
        return NO_GIT
    difference = _git(root, "diff", "HEAD", "--binary", "--", ".", *OURS) or ""
    untracked = _git(root, "ls-files", "--others", "--exclude-standard", "--", ".", *OURS) or ""
    dirty = bool(difference.strip() or untracked.strip())
    return GitFacts(
        commit=commit.strip(),
        commit_time=(_git(root, "show", "-s", "--format=%cI", "HEAD") or "").strip() or None,
        branch=(_git(root, "rev-parse", "--abbrev-ref", "HEAD") or "").strip() or None,
        dirty=dirty,
        diff_sha256=hashlib.sha256((difference + untracked).encode()).hexdigest() if dirty else None,
    )


def code_files(root: Path, *, skip: tuple[str, ...] = ()) -> tuple[CodeFile, ...]:
    """The files that are the code: what git tracks or would track, else everything but known caches.

    `skip` are top folders (the outputs) that are never code.
    """
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ".")
    paths = sorted(set(listed.split("\0")) - {""}) if listed is not None else _walk(root)
    kept = [path for path in paths if path.split("/", 1)[0] not in {*skip, ".mlops", ".git"}]
    return tuple(one for one in (_code_file(root, path) for path in kept) if one is not None)


def code_digest(root: Path, files: tuple[CodeFile, ...]) -> str:
    """SHA-256 over path, executable bit, and content (or link target) of all files."""
    try:
        return digest_of([[one.path, one.executable, one.link or sha256_of(root / one.path)] for one in files])
    except OSError as error:
        raise CodeError(
            f"{error.filename}: cannot be read: {error.strerror}", hint="make the file readable, or let git ignore it"
        ) from error


def copy_code(root: Path, files: tuple[CodeFile, ...], target: Path) -> None:
    """A writable copy of the code in the new folder `target`."""
    target.mkdir(parents=True)
    for one in files:
        destination = target / one.path
        destination.parent.mkdir(parents=True, exist_ok=True)
        if one.link is not None:
            destination.symlink_to(one.link)
            continue
        try:
            destination.write_bytes((root / one.path).read_bytes())
        except OSError as error:
            raise CodeError(
                f"{one.path}: cannot be copied: {error.strerror}", hint="free space, or permissions?"
            ) from error
        destination.chmod(0o755 if one.executable else 0o644)


def _code_file(root: Path, path: str) -> CodeFile | None:
    full = root / path
    try:
        mode = full.lstat().st_mode
    except OSError:
        return None
    if stat.S_ISLNK(mode):
        return CodeFile(path=path, executable=False, link=os.readlink(full))
    if stat.S_ISREG(mode):
        return CodeFile(path=path, executable=bool(mode & 0o100), link=None)
    return None


def _walk(root: Path) -> list[str]:
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        found += [Path(folder, name).relative_to(root).as_posix() for name in names]
    return sorted(found)


def _git(root: Path, *arguments: str) -> str | None:
    """Standard output of git, or None when it fails: outside a repository there simply is no answer."""
    try:
        # The checkout may belong to another user in CI containers; reading it is harmless.
        done = process.run(["git", "-c", f"safe.directory={root}", "-C", root, *arguments], check=False, timeout=60)
    except process.ProgramMissingError:
        return None
    return done.stdout if done.exit_code == 0 else None
