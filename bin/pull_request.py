"""Opens a pull request with a change that another job made, or renews the one that is open: for `update.yml`.

    python bin/pull_request.py PATCH --branch update/locks --base main --title "Newer pins"

The patch comes as a file, so that what resolves and downloads packages runs in a job that may write nothing. Needs git,
and `gh` with its token in GH_TOKEN. An empty patch is no news: nothing happens.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from release_git import ROOT, GitError, as_somebody, git

BODY = """\
Made by `nox -s update -- --upgrade`: newer releases of what the locks pin, all by hash.

What GitHub's own token opens starts no workflow: close and open this pull request again to run `ci`.
"""
# git asks `gh` for the token, so that it stands in no argument and no file.
LOGIN = ("-c", "credential.helper=", "-c", "credential.helper=!gh auth git-credential")


def main(arguments: list[str] | None = None) -> int:
    """Zero when there is a pull request, or no news."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patch", type=Path)
    parser.add_argument("--branch", required=True)
    parser.add_argument("--base", required=True)
    parser.add_argument("--title", required=True)
    parser.add_argument("--remote", default="origin")
    chosen = parser.parse_args(arguments)
    if not chosen.patch.exists() or not chosen.patch.read_bytes().strip():
        print("nothing is newer")
        return 0
    try:
        push(ROOT, chosen.patch.absolute(), chosen.branch, chosen.title, chosen.remote)
    except GitError as error:
        print(f"pull request: {error}", file=sys.stderr)
        return 1
    return propose(chosen.branch, chosen.base, chosen.title)


def push(root: Path, patch: Path, branch: str, title: str, remote: str) -> None:
    """One commit on top of what is checked out; the branch is this job's alone, and starts anew each time."""
    git(root, "switch", "--quiet", "--force-create", branch)
    git(root, "apply", "--index", str(patch))
    git(root, *as_somebody(root), "commit", "--quiet", "--message", title)
    git(root, *LOGIN, "push", "--quiet", "--force", remote, f"{branch}:refs/heads/{branch}")
    print(f"pushed {branch} to {remote}")


def propose(branch: str, base: str, title: str) -> int:
    """A pull request for the branch, unless one is open: that one shows the new commit by itself."""
    asked = [
        "gh",
        "pr",
        "list",
        "--head",
        branch,
        "--base",
        base,
        "--state",
        "open",
        "--json",
        "number",
        "--jq",
        "length",
    ]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        print(f"pull request: {found.stderr.strip()}", file=sys.stderr)
        return 1
    if found.stdout.strip() != "0":
        print(f"the open pull request of {branch} has the new commit")
        return 0
    words = ["gh", "pr", "create", "--head", branch, "--base", base, "--title", title, "--body", BODY]
    return subprocess.run(words, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
