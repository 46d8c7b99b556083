"""The entries of a caller's `.gitlab-ci.yml` that include the bundle, also through files of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.nearness import did_you_mean
from mlops_ci.orchestrators.callers.finding import Finding, Level
from mlops_ci.orchestrators.callers.reading import Tell, is_ours, is_rendered, is_there, read
from mlops_ci.orchestrators.callers.yaml_tree import Tree
from mlops_ci.orchestrators.decay import all_files

NAME = ".gitlab-ci.yml"
COMPONENT = re.compile(r"(?P<repository>.+)/(?P<name>[^/@]+)@(?P<ref>\S+)")
FILE = re.compile(r"/?ci/gitlab/(?P<name>[^/]+)\.ya?ml")
REMOTE = re.compile(r"https?://[^/]+/(?P<repository>.+?)/(?:-/)?raw/(?P<ref>[^/]+)/(?P<path>.+)")


@dataclass(frozen=True, kw_only=True)
class Include:
    """One of our files, included. `whole` is the file that includes it, `entry` the item of its `include`."""

    file: str
    whole: Tree
    entry: Tree
    name: str
    repository: str
    ref: str
    component: bool

    def found(self, level: Level, line: int, message: str, fix: str = "") -> Finding:
        """A finding in this file."""
        return Finding(level=level, file=self.file, line=line, message=message, fix=fix)

    def value(self, name: str) -> Tree | None:
        """The value given for an input."""
        return self.entry.get("inputs", name)


def includes(root: Path, known: str, tell: Tell) -> list[Include]:
    """All of them; what looks like one and is none is told."""
    seen: set[Path] = set()
    return list(_of_file(root / NAME, root, known, tell, seen))


def _of_file(path: Path, root: Path, known: str, tell: Tell, seen: set[Path]) -> Iterator[Include]:
    if path in seen or not is_there(path):
        return
    seen.add(path)
    file = os.path.relpath(path, root)
    for whole in read(path, root, tell, core=False)[-1:]:
        for entry in _entries(whole):
            for local in _local(entry, root):
                yield from _of_file(local, root, known, tell, seen)
            yield from _of_entry(file, whole, entry, root, known, tell)


def _entries(whole: Tree) -> Iterator[Tree]:
    """Of the file itself, and of the child pipelines that its jobs start."""
    places = [whole.get("include"), *(job.get("trigger", "include") for job in whole.fields.values())]
    for place in places:
        if place is not None:
            yield from place.items if place.kind == "list" else (place,)


def _local(entry: Tree, root: Path) -> list[Path]:
    name = entry.text("local") if entry.kind == "mapping" else entry.value
    if not isinstance(name, str) or not name or "://" in name or "$" in name:
        return []
    pattern = name.lstrip("/")
    try:
        found = sorted(root.glob(pattern)) if "*" in pattern else [root / pattern]
    except (ValueError, OSError, NotImplementedError):
        return []
    return [path for path in found if is_there(path) and not is_rendered(path)]


def _of_entry(file: str, whole: Tree, entry: Tree, root: Path, known: str, tell: Tell) -> Iterator[Include]:
    for name, repository, ref, component in _named(file, entry, root, known, tell):
        files = [one.name for one in all_files()]
        if name in files:
            yield Include(
                file=file,
                whole=whole,
                entry=entry,
                name=name,
                repository=repository,
                ref=ref,
                component=component,
            )
            continue
        shown = ", ".join(files if component else (f"ci/gitlab/{one}.yml" for one in files))
        message = f"the bundle has no file `{name}`{did_you_mean(name, files)}"
        tell(Finding(level="error", file=file, line=entry.line, message=message, fix=f"it has {shown}"))


def _named(file: str, entry: Tree, root: Path, known: str, tell: Tell) -> Iterator[tuple[str, str, str, bool]]:
    """Name, repository, ref, and whether it is a component, of each of our files in the entry."""
    component = COMPONENT.fullmatch(entry.text("component"))
    if component is not None and is_ours(component["repository"], known):
        repository = re.sub(
            r"^(?:\$CI_SERVER_FQDN|\$CI_SERVER_HOST|[\w.-]+\.[\w.-]+(?::\d+)?)/", "", component["repository"]
        )
        yield component["name"], repository, component["ref"], True
    elif is_ours(entry.text("project"), known):
        yield from _files(file, entry, tell)
    else:
        text = entry.text("remote") or entry.text("local") or (entry.value if isinstance(entry.value, str) else "")
        remote = REMOTE.fullmatch(text)
        if remote is not None and is_ours(remote["repository"], known):
            yield _stem(remote["path"]), remote["repository"], remote["ref"], False
        elif is_rendered(root / text.lstrip("/")):
            yield _stem(text), "", "", False


def _files(file: str, entry: Tree, tell: Tell) -> Iterator[tuple[str, str, str, bool]]:
    named = entry.get("file")
    files = named.items if named is not None and named.kind == "list" else (named,) if named is not None else ()
    if not files:
        message = "the entry names a project and no file of it"
        tell(Finding(level="error", file=file, line=entry.line, message=message, fix="file: ci/gitlab/train.yml"))
    ref = entry.get("ref")
    text = str(ref.value) if ref is not None and ref.value is not None else ""
    for one in files:
        yield _stem(str(one.value)), entry.text("project"), text, False


def _stem(path: str) -> str:
    match = FILE.fullmatch(path if path.startswith("/") else f"/{path}")
    return match["name"] if match else path
