"""The actions that the rendered workflows use, by commit, each as a git bundle."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mlops_ci import process
from mlops_ci.console import Console
from mlops_ci.process import ProgramFailedError
from mlops_ci.progress import long_step
from mlops_ci.resources import read_toml

FOLDER = "actions"
SERVER_VARIABLE = "GITHUB_SERVER_URL"
SECONDS = 300.0
QUIET = {"GIT_TERMINAL_PROMPT": "0"}


@dataclass(frozen=True, kw_only=True)
class Action:
    """A pinned action."""

    repository: str
    commit: str
    tag: str

    @property
    def file(self) -> str:
        """Its bundle's name."""
        return f"{self.repository.replace('/', '--')}-{self.tag}.bundle"


def pinned() -> tuple[Action, ...]:
    """The actions of this release."""
    table = read_toml("github.toml")["actions"]
    return tuple(
        Action(repository=one["repository"], commit=one["commit"], tag=one["tag"])
        for one in table.values()
        if {"repository", "commit", "tag"} <= one.keys()
    )


def bundles(
    folder: Path, console: Console, missing: list[str], environ: Mapping[str, str] | None = None
) -> dict[Action, Path]:
    """A bundle per action that could be fetched; the others are added to `missing`, and stop nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    server = server_url(os.environ if environ is None else environ)
    found = {}
    with long_step(console, "actions", "fetching the actions"):
        for action in pinned():
            target = folder / action.file
            try:
                if not target.exists():
                    _fetch(f"{server}/{action.repository}", action, target)
                found[action] = target
            except ProgramFailedError as error:
                why = (error.details or ("no answer",))[-1]
                missing.append(f"action {action.repository}@{action.tag}: {why}")
    return found


def server_url(environ: Mapping[str, str]) -> str:
    """Where actions come from: the server that CI names, else GitHub."""
    return (environ.get(SERVER_VARIABLE) or "https://github.com").rstrip("/")


def _fetch(url: str, action: Action, target: Path) -> None:
    """The pinned commit with its history, under its tag's name: a bundle without it could not be cloned."""
    work = target.with_suffix(".git")
    shutil.rmtree(work, ignore_errors=True)
    environment = {**os.environ, **QUIET}
    if urlsplit(url).scheme != "file":
        environment["GIT_ALLOW_PROTOCOL"] = "https:http:ssh"
    part = target.with_suffix(".part")
    steps: tuple[list[str | Path], ...] = (
        ["init", "--quiet", "--bare", work],
        ["-C", work, "fetch", "--quiet", "--no-tags", url, action.commit],
        ["-C", work, "update-ref", f"refs/tags/{action.tag}", action.commit],
        # One thread packs the same objects to the same bytes.
        ["-C", work, "-c", "pack.threads=1", "bundle", "create", "--quiet", part.resolve(), f"refs/tags/{action.tag}"],
    )
    for words in steps:
        process.run(["git", *words], environment=environment, timeout=SECONDS, leashed=True)
    os.replace(part, target)
    shutil.rmtree(work)
