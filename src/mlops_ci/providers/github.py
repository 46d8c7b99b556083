"""GitHub Actions: groups, annotations, masks, outputs and the step summary.

Environment files and their limits: docs.github.com, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

import re
import secrets
import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from mlops_ci.console import Level, Status
from mlops_ci.providers.budget import fit
from mlops_ci.providers.github_event import base_commits, pull_request, trusted
from mlops_ci.providers.local import wants_colour
from mlops_ci.providers.stream import LineWriter
from mlops_ci.providers.text import Painter, flat, rows
from mlops_ci.providers.workflow_commands import github_command, harmless_at_github

# At most 10 annotations of each level are kept per step, the rest vanishes silently: the tenth says how many.
ANNOTATIONS = 9
# 1 MiB per step; over it the whole summary is dropped.
SUMMARY_BYTES = 1024 * 1024 - 1024
# Shorter lines of a secret, such as `{`, would make every line of the log unreadable.
SHORTEST_MASK = 4
OUTPUT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass
class GitHubSink:
    """Writes workflow commands; everything else is made harmless."""

    out: LineWriter
    colour: bool = True
    live: bool = False
    _painter: Painter = field(init=False)
    _annotated: Counter[str] = field(default_factory=Counter)
    _folds: int = 0

    def __post_init__(self) -> None:
        self._painter = Painter(self.colour)

    def line(self, text: str) -> None:
        """Lines of ours and of other programs: none of them commands the runner."""
        for row in rows(text):
            self.out.write(harmless_at_github(row, self._painter.paint(row)))

    def open_fold(self, name: str, title: str) -> None:  # noqa: ARG002  # groups have titles only
        """GitHub's groups do not nest: a fold inside another one is a line in it."""
        self._painter.forget()
        self._folds += 1
        if self._folds == 1:
            self.out.write(github_command("group", flat(title)))
        else:
            self.line(f"-- {flat(title)}")

    def close_fold(self, name: str) -> None:  # noqa: ARG002
        """End of the group."""
        self._painter.forget()
        self._folds -= 1
        if self._folds == 0:
            self.out.write(github_command("endgroup"))

    def annotate(self, level: Level, title: str, text: str, file: str | None = None, line: int | None = None) -> None:
        """The first nine of each level; the others stand in the log alone."""
        self._annotated[level] += 1
        message = "\n".join(flat(row) for row in rows(text)).strip() or flat(title)
        if self._annotated[level] > ANNOTATIONS:
            place = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
            self.line(f"{level}: {place}{flat(title)}: {message}")
            return
        places = {"file": file, "line": str(line) if line else None, "title": flat(title)}
        self.out.write(github_command(level, message, places))

    def mask(self, secret: str) -> None:
        """Each line of a secret is a secret of its own."""
        for one in secret.splitlines():
            if len(one.strip()) >= SHORTEST_MASK:
                self.out.write(github_command("add-mask", one))

    def status(self, status: Status | None) -> None:
        """A log cannot be drawn over."""

    def flush(self) -> None:
        """Say how many annotations were left out."""
        for level, count in self._annotated.items():
            if count > ANNOTATIONS:
                more = f"and {count - ANNOTATIONS} more of level {level}: they stand in the log and in the summary"
                self.out.write(github_command(level, more, {"title": "mlops-ci"}))
        self._annotated.clear()


@dataclass
class GitHubProvider:
    """What the runner's environment variables offer."""

    environ: Mapping[str, str]
    sink: GitHubSink
    name: str = "github"
    local: bool = False

    def set_output(self, name: str, value: str) -> None:
        """A value with any content: the end mark is random, so that no value can contain it.

        Raises `ValueError` for a name that GitHub does not take.
        """
        if not OUTPUT_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of an output")
        if path := self.environ.get("GITHUB_OUTPUT"):
            end = f"end-{secrets.token_hex(16)}"
            with Path(path).open("a", encoding="utf-8", newline="") as stream:
                stream.write(f"{name}<<{end}\n{value}\n{end}\n")

    def summary(self, markdown: str) -> None:
        """Appended: what other tools wrote in the same step stays, and counts against the limit."""
        path = self.environ.get("GITHUB_STEP_SUMMARY")
        if not path:
            return
        target = Path(path)
        there = target.stat().st_size if target.exists() else 0
        with target.open("a", encoding="utf-8") as stream:
            stream.write(fit(markdown.rstrip() + "\n", SUMMARY_BYTES - there))

    def links(self) -> Mapping[str, str]:
        """The run's page."""
        parts = [self.environ.get(name) for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")]
        if not all(parts):
            return {}
        server, repository, run = parts
        return {"github": f"{server}/{repository}/actions/runs/{run}"}

    def trusted(self) -> tuple[bool, str]:
        """Code of a fork is not; when the event cannot be read, nothing is trusted."""
        return trusted(self.environ)

    def secrets_at_hand(self) -> bool:
        """GitHub keeps secrets from a fork's `pull_request`, and from nothing else that a fork can cause."""
        return self.environ.get("GITHUB_EVENT_NAME") != "pull_request"

    def attempt(self) -> str | None:
        """GitHub's own count."""
        return self.environ.get("GITHUB_RUN_ATTEMPT")

    def bring(self, folder: str) -> tuple[str, ...]:
        """All artifacts of the run, by GitHub's own command line tool, which knows who asks."""
        names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
        server, repository, run = (self.environ.get(name, "") for name in names)
        if not (server and repository and run):
            return ()
        host = server.partition("://")[2]
        name = repository if host == "github.com" else f"{host}/{repository}"
        return (shlex.join(["gh", "run", "download", run, "--repo", name, "--dir", folder]),)

    def change(self) -> int | None:
        """The pull request of the event."""
        return pull_request(self.environ)

    def base(self) -> tuple[str, ...] | None:
        """The first parent of the merge that GitHub made and checks out, or what the event says."""
        return base_commits(self.environ)

    def branch(self) -> str | None:
        """Of a pull request, the branch that it comes from."""
        return self.environ.get("GITHUB_HEAD_REF") or self.environ.get("GITHUB_REF_NAME") or None


def github_provider(environ: Mapping[str, str], stream: TextIO) -> GitHubProvider:
    """The provider for GitHub Actions."""
    colour = wants_colour(environ, stream, log_has_colours=True)
    return GitHubProvider(environ=environ, sink=GitHubSink(out=LineWriter(stream), colour=colour))
