"""What the stand-ins for third-party actions do: check the inputs they get, then the local equivalent.

STAND_IN_REPOSITORIES is a folder OWNER/NAME of repositories, STAND_IN_ARTIFACTS one of artifacts.
"""

from __future__ import annotations

import fnmatch
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path


def value(name: str) -> str:
    """An input."""
    return os.environ[f"IN_{name}"]


def refuse(problem: str) -> None:
    """What the real action would not do, or what a reviewer would not let pass."""
    print(f"::error title=stand-in::{problem}")
    sys.exit(1)


def checkout() -> None:
    """A real clone at the ref, into a folder of the workspace."""
    if value("PERSIST_CREDENTIALS") != "false":
        refuse("the token would stay in the checkout's configuration")
    repository, ref, path = value("REPOSITORY"), value("REF"), value("PATH")
    if not repository or not ref or not path:
        refuse(f"repository {repository!r}, ref {ref!r}, path {path!r}: the real action would take the caller's own")
    target = Path(os.environ["GITHUB_WORKSPACE"], path)
    if target.exists():
        shutil.rmtree(target)
    source = Path(os.environ["STAND_IN_REPOSITORIES"], repository)
    git = ["git", "-c", f"safe.directory={source}", "-c", f"safe.directory={source}/.git"]
    subprocess.run([*git, "clone", "--quiet", "--no-hardlinks", str(source), str(target)], check=True)
    subprocess.run(["git", "-C", str(target), "checkout", "--quiet", "--detach", ref], check=True)


def upload() -> None:
    """A copy; a name is given once per workflow run, and hidden files are left out unless they are asked for."""
    name, path = value("NAME"), value("PATH")
    target = Path(os.environ["STAND_IN_ARTIFACTS"], name)
    if not name or any(one in name for one in '":<>|*?\r\n\\/'):
        refuse(f"{name!r} is no name of an artifact")
    if target.exists():
        refuse(f"there is an artifact {name} already")
    if not value("RETENTION_DAYS").isdigit():
        refuse(f"retention-days is {value('RETENTION_DAYS')!r}")
    workspace = Path(os.environ["GITHUB_WORKSPACE"])
    # The real action keeps the folders behind the first wildcard.
    start = workspace / path.split("*")[0]
    roots = sorted(workspace.glob(path)) if "*" in path else [workspace / path]
    hidden = value("INCLUDE_HIDDEN_FILES") == "true"
    count = 0
    for root in roots:
        for file in sorted(root.rglob("*")):
            relative = file.relative_to(start)
            if file.is_file() and (
                hidden or not any(part.startswith(".") for part in file.relative_to(workspace).parts)
            ):
                (target / relative).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, target / relative)
                count += 1
    if count == 0 and value("IF_NO_FILES_FOUND") == "error":
        refuse(f"no file in {path}")
    print(f"kept {count} files as {name}")


def download() -> None:
    """Each artifact that fits the pattern in a folder of its own name (none is no error), or what that one name has."""
    name, pattern, path = value("NAME"), value("PATTERN"), value("PATH")
    if (value("RUN_ID") != "") != (value("GITHUB_TOKEN") != ""):
        refuse("artifacts of another run are had by its run-id and a token, not by one of them")
    kept, target = Path(os.environ["STAND_IN_ARTIFACTS"]), Path(os.environ["GITHUB_WORKSPACE"], path)
    if name and path and not pattern:
        if not (kept / name).is_dir():
            refuse(f"there is no artifact {name}")
        shutil.copytree(kept / name, target, dirs_exist_ok=True)
        return
    if name or not pattern.endswith("*") or not path:
        refuse(f"name {name!r}, pattern {pattern!r}, path {path!r}")
    for artifact in sorted(kept.iterdir()):
        if fnmatch.fnmatchcase(artifact.name, pattern):
            shutil.copytree(artifact, target / artifact.name)
            print(f"downloaded {artifact.name}")


def alerts() -> None:
    """A copy of the findings, one file for each category."""
    file, category = Path(os.environ["GITHUB_WORKSPACE"], value("SARIF_FILE")), value("CATEGORY")
    if not category or json.loads(file.read_text())["version"] != "2.1.0":
        refuse(f"{file} is no SARIF 2.1.0 of the category {category!r}")
    folder = Path(os.environ["STAND_IN_ARTIFACTS"]).with_name("alerts")
    folder.mkdir(exist_ok=True)
    shutil.copy(file, folder / f"{category}.sarif")


if __name__ == "__main__":
    {"checkout": checkout, "upload": upload, "download": download, "alerts": alerts}[sys.argv[1]]()
