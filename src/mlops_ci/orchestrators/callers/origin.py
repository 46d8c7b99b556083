"""Where a repository is at home: the server, its path there, and the branch that is trained from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mlops_ci import process
from mlops_ci.errors import MlopsError

ADDRESS = re.compile(
    r"(?:[a-z+]+://(?:[^@/]+@)?(?P<host>[^/:]+)(?::\d+)?/|(?:[^@/]+@)?(?P<scp>[^/:]+):)(?P<path>[^:]+?)/?"
)
MAIN = ("main", "master", "trunk", "develop")
SECONDS = 20


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Empty where git knows of no remote."""

    server: str = ""
    path: str = ""
    branch: str = "main"


def origin(root: Path) -> Origin:
    """What git says of the repository at `root`."""
    server, path = parse(_git(root, "remote", "get-url", "origin"))
    head = _git(root, "symbolic-ref", "--short", "refs/remotes/origin/HEAD").removeprefix("origin/")
    current = _git(root, "symbolic-ref", "--short", "HEAD")
    return Origin(server=server, path=path, branch=head or (current if current in MAIN else MAIN[0]))


def top_of(folder: Path) -> Path:
    """The top of the repository that the folder belongs to, where CI systems look for their files; else the folder."""
    return next((one for one in (folder, *folder.parents) if (one / ".git").exists()), folder)


def parse(address: str) -> tuple[str, str]:
    """Server and path of a remote's address; empty for a folder."""
    match = ADDRESS.fullmatch(address)
    if match is None or address.startswith("file:"):
        return "", ""
    return match["host"] or match["scp"], match["path"].removesuffix(".git").strip("/")


def _git(root: Path, *arguments: str) -> str:
    try:
        done = process.run(["git", "-C", str(root), *arguments], timeout=SECONDS, check=False)
    except MlopsError:
        return ""
    return done.stdout.strip() if done.exit_code == 0 else ""
