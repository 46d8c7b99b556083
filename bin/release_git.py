"""git, as the steps of a release call it."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Who a tag or a commit is by when the machine does not say.
IDENTITY = ("-c", "user.name=mlops-ci release", "-c", "user.email=mlops-ci@users.noreply.github.com")


class GitError(Exception):
    """git refused."""


def git(folder: Path, *words: str) -> str:
    """What git says, without the last line break. Raises `GitError` with its own words."""
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise GitError(f"git {' '.join(words)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout.rstrip("\n")


def as_somebody(folder: Path) -> tuple[str, ...]:
    """Options that give a name where none is configured."""
    known = subprocess.run(["git", "-C", str(folder), "config", "user.email"], capture_output=True, check=False)
    return () if known.returncode == 0 else IDENTITY
