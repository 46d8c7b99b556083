"""The jobs of a caller's workflows that call the bundle."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.nearness import did_you_mean
from mlops_ci.orchestrators.called import Handover
from mlops_ci.orchestrators.callers.finding import Finding, Level
from mlops_ci.orchestrators.callers.github_interface import Interface, interfaces
from mlops_ci.orchestrators.callers.reading import Tell, is_ours, is_rendered, read
from mlops_ci.orchestrators.callers.yaml_tree import Tree
from mlops_ci.orchestrators.database_job import Database
from mlops_ci.orchestrators.github.interface import ROLE_HANDOVER, SECRETS

FOLDER = ".github/workflows"
USES = re.compile(r"(?P<repository>[^/@\s]+/[^/@\s]+)/(?P<path>[^@\s]+?)(?:@(?P<ref>\S+))?")
LOCAL = re.compile(r"\./(?P<path>[^@\s]+)")
CALLED = re.compile(r"\.github/workflows/(?P<name>[^/]+)\.ya?ml")


# The login for the database, which a bundle has whose jobs fetch it by one.
LOGIN = tuple(name for name, _, _ in SECRETS["database"])


@dataclass(frozen=True, kw_only=True)
class Call:
    """A job that calls a file of the bundle. `ref` is empty for a copy within the caller's own repository."""

    file: str
    workflow: Tree
    id: str
    at: int
    job: Tree
    ref: str
    interface: Interface

    def found(self, level: Level, line: int, message: str, fix: str = "") -> Finding:
        """A finding in this file."""
        return Finding(level=level, file=self.file, line=line, message=message, fix=fix)

    def value(self, name: str) -> Tree | None:
        """The value given for an input."""
        return self.job.get("with", name)


def calls(root: Path, known: str, tell: Tell) -> list[Call]:
    """All calls of all workflows; what looks like one and is none is told."""
    paths = sorted(path for path in (root / FOLDER).glob("*") if path.suffix in (".yml", ".yaml") and path.is_file())
    found: list[Call] = []
    for path in paths:
        for tree in read(path, root, tell, core=True)[:1]:
            found += _calls(os.path.relpath(path, root), tree, root, known, tell)
    return found


def _calls(file: str, tree: Tree, root: Path, known: str, tell: Tell) -> Iterator[Call]:
    jobs = tree.get("jobs")
    for name, job in (jobs.fields if jobs else {}).items():
        for step in (job.get("steps") or Tree(kind="list", line=0)).items:
            _check_step(file, step, known, tell)
        uses = job.get("uses")
        if uses is None or not isinstance(uses.value, str) or jobs is None:
            continue
        # Nothing else in the caller says by what the jobs of the called file hand the run on, and fetch the database.
        way: Handover = "store" if job.get("with", ROLE_HANDOVER.name) is not None else "artifact"
        database: Database = "job" if any(job.get("secrets", name) is not None for name in LOGIN) else "scan"
        target = _target(file, uses, root, known, tell, interfaces(way, database))
        if target is not None:
            interface, ref = target
            yield Call(file=file, workflow=tree, id=name, at=jobs.line_of(name), job=job, ref=ref, interface=interface)


def _target(
    file: str, uses: Tree, root: Path, known: str, tell: Tell, known_files: Mapping[str, Interface]
) -> tuple[Interface, str] | None:
    """The called file and its ref, when that is one of ours."""
    text = str(uses.value).strip()
    local, match = LOCAL.fullmatch(text), USES.fullmatch(text)
    if local is not None:
        path, ref = local["path"], ""
        if not is_rendered(root / path):
            return None
    elif match is not None and is_ours(match["repository"], known):
        path, ref = match["path"], match["ref"] or ""
    else:
        return None

    def bad(message: str, fix: str) -> None:
        tell(Finding(level="error", file=file, line=uses.line, message=message, fix=fix))

    called = CALLED.fullmatch(path)
    name = called["name"] if called else path
    if called is None or name not in known_files:
        files = ", ".join(f"{one}.yml" for one in known_files)
        bad(f"`uses` names {path}, which the bundle has not{did_you_mean(name, known_files)}", f"it has {files}")
        return None
    if local is None and not ref:
        bad("`uses` names no release: GitHub refuses that", f"write @ and a release or commit behind {name}.yml")
        return None
    return known_files[name], ref


def _check_step(file: str, step: Tree, known: str, tell: Tell) -> None:
    uses = step.get("uses")
    text = uses.value if uses is not None else None
    match = USES.fullmatch(text.strip()) if isinstance(text, str) else None
    if (
        uses is not None
        and match is not None
        and is_ours(match["repository"], known)
        and CALLED.fullmatch(match["path"])
    ):
        message = "a step cannot call a workflow: `uses` of the bundle's files stands in the job itself"
        fix = "move `uses` and `with` up to the job, in place of `runs-on` and `steps`"
        tell(Finding(level="error", file=file, line=uses.line, message=message, fix=fix))
