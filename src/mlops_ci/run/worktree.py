"""A commit of the repository, checked out beside the working tree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlops_ci import process
from mlops_ci.errors import UncheckedError

PATIENCE = 600.0


class CommitGoneError(UncheckedError):
    """The commit of a run is not in this repository."""


@contextmanager
def worktree(root: Path, commit: str, folder: Path) -> Iterator[Path]:
    """The files of `commit` in the new folder `folder`; gives the folder that corresponds to `root` in the repository.

    Raises `CommitGoneError`. The hooks of the repository do not run: nobody has asked for them.
    """
    top = _git(root, "rev-parse", "--show-toplevel")
    if top is None:
        raise CommitGoneError(f"{root} is in no git repository", hint="run this in a clone of the run's repository")
    if _git(root, "cat-file", "-e", f"{commit}^{{commit}}") is None:
        raise CommitGoneError(
            f"the commit {commit} is not in this repository",
            hint=f"fetch it: git fetch origin {commit} (a shallow clone: git fetch --unshallow)",
        )
    # A folder that a killed process left has been removed already; git still has it in its list.
    _git(root, "worktree", "prune")
    made = _git(root, "-c", "core.hooksPath=/dev/null", "worktree", "add", "--detach", str(folder), commit)
    if made is None:
        raise CommitGoneError(
            f"the commit {commit} could not be checked out into {folder}",
            hint="`git worktree add --detach FOLDER COMMIT` says why",
        )
    try:
        yield folder / root.resolve().relative_to(Path(top.strip()).resolve())
    finally:
        _git(root, "worktree", "remove", "--force", str(folder))


def _git(root: Path, *arguments: str) -> str | None:
    """Standard output of git, or None when it fails."""
    done = process.run(["git", "-c", f"safe.directory={root}", "-C", root, *arguments], check=False, timeout=PATIENCE)
    return done.stdout if done.exit_code == 0 else None
