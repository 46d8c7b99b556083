"""The commit that a change is based on, and files as they are there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from mlops_ci import process
from mlops_ci.errors import InfrastructureError, UncheckedError

SECONDS = 60.0
BRANCHES = ("main", "master")
# A revision that ends so is the commit that a merge was merged into.
PARENT = "^1"


class BaseUnknownError(UncheckedError):
    """The commit that a pull request is based on is not here: nobody knows by which rules it is to be judged."""


class BaseUnreadableError(InfrastructureError):
    """A file of the base commit is there and could not be read."""


def base_commit(root: Path, revisions: Iterable[str]) -> str:
    """The first of these commits that can be had; it is fetched where the clone is too shallow for it.

    Raises `BaseUnknownError`: what guards the gates must not come from the change itself instead.
    """
    wanted = tuple(revisions)
    for revision in wanted:
        if (commit := _commit(root, revision)) is not None and _is_merged_into(root, revision):
            return commit
    named = [revision for revision in wanted if not revision.endswith(PARENT)]
    for revision in named:
        if _fetch(root, revision) and (commit := _commit(root, revision)) is not None:
            return commit
    if not wanted:
        raise BaseUnknownError(
            "this is a pull request, and the CI system does not say which commit it is based on",
            hint="policy and gates come from there: is the event's file there, or CI_MERGE_REQUEST_DIFF_BASE_SHA set?",
        )
    shown = (*named, *wanted)[0][:12]
    raise BaseUnknownError(
        f"the base commit {shown} of this pull request is not in this clone, and could not be fetched",
        hint="policy and gates come from there: check out with `fetch-depth: 2` or more (GitHub), "
        "or a larger GIT_DEPTH (GitLab)",
    )


def local_base(root: Path) -> str | None:
    """Where this branch left the default branch; None without a repository, a commit or such a branch."""
    known = _said(root, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
    for branch in (known, *BRANCHES):
        if branch and (found := _said(root, "merge-base", "HEAD", branch)):
            return found
    return None


def file_at(commit: str, path: Path) -> bytes | None:
    """The bytes of a file as that commit has it; None where it has none there."""
    folder, name = _nearest(path.parent), path.name
    inside = os.path.relpath(path, folder) if folder != path.parent else name
    blob = f"{commit}:./{inside}"
    if _said(folder, "cat-file", "-t", blob) != "blob":
        return None
    # Raw: `process.run` gives lines of text, and a policy is known by the digest of its bytes.
    with tempfile.TemporaryFile() as output:
        child = process.start(_git(folder, "cat-file", "blob", blob), output=output)
        if child.stdin is not None:
            child.stdin.close()
        if child.wait(SECONDS) != 0:
            raise BaseUnreadableError(
                f"git could not read {path.name} of {commit[:12]}", hint="run the same command again"
            )
        output.seek(0)
        return output.read()


def _nearest(folder: Path) -> Path:
    """The folder itself, or what of it there is: a change may have removed it."""
    return next(one for one in (folder, *folder.parents) if one.is_dir())


def _commit(root: Path, revision: str) -> str | None:
    return _said(root, "rev-parse", "--quiet", "--verify", f"{revision}^{{commit}}")


def _is_merged_into(root: Path, revision: str) -> bool:
    """Of a commit that is no merge the first parent is the change's own: nothing that guards it."""
    return not revision.endswith(PARENT) or _commit(root, f"{revision.removesuffix(PARENT)}^2") is not None


def _fetch(root: Path, commit: str) -> bool:
    """One commit and nothing else. Nobody is asked for a password."""
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    argv = _git(root, "fetch", "--quiet", "--no-tags", "--depth", "1", "origin", commit)
    done = process.run(argv, check=False, timeout=SECONDS, environment=environment)
    return done.exit_code == 0


def _said(root: Path, *arguments: str) -> str | None:
    """What git says in one line, or None when it says no."""
    try:
        done = process.run(_git(root, *arguments), check=False, timeout=SECONDS)
    except process.ProgramMissingError:
        return None
    return done.stdout.strip() or None if done.exit_code == 0 else None


def _git(root: Path, *arguments: str) -> list[str | Path]:
    # The checkout may belong to another user in CI containers; reading it is harmless.
    return ["git", "-c", "safe.directory=*", "-C", root, *arguments]
