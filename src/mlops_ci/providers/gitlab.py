"""GitLab CI: sections, dotenv outputs, the summary as an artifact.

Variables: docs.gitlab.com, "Predefined CI/CD variables"; outputs: "Pass dotenv variables to specific jobs".
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from mlops_ci.console import Level, Status
from mlops_ci.providers.budget import fit
from mlops_ci.providers.local import COLOURS, wants_colour
from mlops_ci.providers.stream import LineWriter
from mlops_ci.providers.text import RESET, Painter, flat, rows
from mlops_ci.providers.workflow_commands import harmless_at_gitlab, section_end, section_name, section_start

# A merge request note holds 1,000,000 characters; the summary is posted as one.
SUMMARY_BYTES = 900_000
# GitLab's default limit for a dotenv report, over which the job fails.
DOTENV_BYTES = 5 * 1024
# Beside the code a new file would be a change of it: what the job leaves lies in our own folder.
FOLDER = ".mlops"
DOTENV = f"{FOLDER}/gitlab/outputs.env"
SUMMARY = f"{FOLDER}/gitlab/summary.md"
OUTPUT_PREFIX = "MLOPS_RESULT_"
COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


@dataclass
class GitLabSink:
    """Sections; GitLab has no annotations in the log, so they are coloured lines."""

    out: LineWriter
    colour: bool = True
    live: bool = False
    _painter: Painter = field(init=False)
    _opened: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._painter = Painter(self.colour)

    def line(self, text: str) -> None:
        """Lines of ours and of other programs: none of them opens or closes a section."""
        for row in rows(text):
            self.out.write(harmless_at_gitlab(self._painter.paint(row)))

    def open_fold(self, name: str, title: str) -> None:
        """GitLab ends a section by its name: a second one of the same name has a number."""
        self._painter.forget()
        self._opened[name] = self._opened.get(name, 0) + 1
        self.out.write(section_start(self._section(name), harmless_at_gitlab(title), time.time()))

    def close_fold(self, name: str) -> None:
        """End of the section."""
        self._painter.forget()
        self.out.write(section_end(self._section(name), time.time()))

    def annotate(self, level: Level, title: str, text: str, file: str | None = None, line: int | None = None) -> None:
        """A coloured head, the text behind it."""
        place = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        head = harmless_at_gitlab(flat(f"{place}{level}: {title}"))
        self.out.write(f"{COLOURS[level]}{head}{RESET}" if self.colour else head)
        for row in rows(text):
            self.line(f"  {flat(row)}")

    def mask(self, secret: str) -> None:
        """GitLab masks only variables that are declared as masked; the console has removed the secret already."""

    def status(self, status: Status | None) -> None:
        """A log cannot be drawn over."""

    def flush(self) -> None:
        """Nothing is held back."""

    def _section(self, name: str) -> str:
        count = self._opened.get(name, 1)
        return section_name(name if count == 1 else f"{name}_{count}")


@dataclass
class GitLabProvider:
    """What the runner's environment variables offer."""

    environ: Mapping[str, str]
    sink: GitLabSink
    name: str = "gitlab"
    local: bool = False

    def set_output(self, name: str, value: str) -> None:
        r"""A line `MLOPS_RESULT_<NAME>=value` of the dotenv report; a line break is written as `\n`.

        The last of several values counts. A value that would make the report too large is left out, and said.
        """
        key = OUTPUT_PREFIX + re.sub(r"[^A-Za-z0-9_]", "_", name).upper()
        row = "{}={}\n".format(key, "\\n".join(value.splitlines()))
        path = self._file(DOTENV)
        if _size(path) + len(row.encode()) > DOTENV_BYTES:
            text = f"{DOTENV} may hold {DOTENV_BYTES} bytes: the value of {key} was left out"
            self.sink.annotate("warning", "output too large", text)
            return
        with path.open("a", encoding="utf-8") as stream:
            stream.write(row)

    def summary(self, markdown: str) -> None:
        """Appended to a file that the job keeps as an artifact."""
        path = self._file(SUMMARY)
        text = fit(markdown.rstrip() + "\n", SUMMARY_BYTES - _size(path))
        with path.open("a", encoding="utf-8") as stream:
            stream.write(text)

    def links(self) -> Mapping[str, str]:
        """The pages of pipeline and job."""
        names = {"gitlab-pipeline": "CI_PIPELINE_URL", "gitlab-job": "CI_JOB_URL"}
        return {key: self.environ[name] for key, name in names.items() if self.environ.get(name)}

    def trusted(self) -> tuple[bool, str]:
        """A merge request from another project is not; when its projects cannot be told, neither."""
        event = self.environ.get("CI_PIPELINE_SOURCE") or "unknown"
        for kind, source, target in (
            ("merge request", "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH", "CI_MERGE_REQUEST_PROJECT_PATH"),
            (
                "external pull request",
                "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY",
                "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY",
            ),
        ):
            if self._concerns(event, kind):
                return _same_project(kind, self.environ.get(source), self.environ.get(target))
        return event != "unknown", f"pipeline source {event}"

    def secrets_at_hand(self) -> bool:
        """A merge request from a fork runs in the fork's own project, with its variables."""
        return False

    def attempt(self) -> str | None:
        """GitLab gives each try of a job an id of its own."""
        return self.environ.get("CI_JOB_ID")

    def bring(self, folder: str) -> tuple[str, ...]:  # noqa: ARG002  # an artifact holds the folder's name itself
        """The artifacts of every job of the pipeline, with a token of whoever pastes it."""
        names = ("CI_API_V4_URL", "CI_PROJECT_ID", "CI_PIPELINE_ID")
        server, project, pipeline = (self.environ.get(name, "") for name in names)
        if not (server and project and pipeline):
            return ()
        ask = 'curl -fsSL --header "PRIVATE-TOKEN: $GITLAB_TOKEN"'
        base = f"{server}/projects/{project}"
        jobs = shlex.quote(f"{base}/pipelines/{pipeline}/jobs?per_page=100")
        ids = "jq -r '.[] | select(.artifacts_file) | .id'"
        fetch = f'{ask} -o job.zip {shlex.quote(base)}"/jobs/$job/artifacts" && unzip -qo job.zip && rm job.zip'
        return (f"for job in $({ask} {jobs} | {ids}); do {fetch}; done",)

    def change(self) -> int | None:
        """The merge request of the pipeline, counted in its project."""
        number = self.environ.get("CI_MERGE_REQUEST_IID", "")
        return int(number) if number.isdecimal() and int(number) > 0 else None

    def base(self) -> tuple[str, ...] | None:
        """Where the merge request's branch left its target; of an external one, the target's last commit."""
        event = self.environ.get("CI_PIPELINE_SOURCE") or "unknown"
        for kind, name in (
            ("merge request", "CI_MERGE_REQUEST_DIFF_BASE_SHA"),
            ("external pull request", "CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_SHA"),
        ):
            if self._concerns(event, kind):
                commit = self.environ.get(name, "")
                return (commit,) if COMMIT.fullmatch(commit) else ()
        return None

    def branch(self) -> str | None:
        """Of a merge request, the branch that it comes from."""
        names = ("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_COMMIT_REF_NAME")
        return next((self.environ[name] for name in names if self.environ.get(name)), None)

    def _concerns(self, event: str, kind: str) -> bool:
        """A child pipeline has another source, but still the variables of its merge request."""
        name = kind.replace(" ", "_")
        return event == f"{name}_event" or bool(self.environ.get(f"CI_{name.upper()}_IID"))

    def _file(self, name: str) -> Path:
        path = Path(self.environ.get("CI_PROJECT_DIR") or ".") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        ignore = path.parent.parent / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        return path


def gitlab_provider(environ: Mapping[str, str], stream: TextIO) -> GitLabProvider:
    """The provider for GitLab CI."""
    colour = wants_colour(environ, stream, log_has_colours=True)
    return GitLabProvider(environ=environ, sink=GitLabSink(out=LineWriter(stream), colour=colour))


def _same_project(kind: str, source: str | None, target: str | None) -> tuple[bool, str]:
    if not source or not target:
        return False, f"a {kind} whose projects cannot be told"
    if source == target:
        return True, f"a {kind} from this project"
    return False, f"a {kind} from the fork {source}"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
