"""Which files of a build context a Dockerfile can read: `.dockerignore`, and what its COPY instructions name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mlops_ci.images.content_key import ContextFile

# What a build never sees: our own caches, and the history, which would make every commit a new image.
ALWAYS = (".git", ".mlops")


@dataclass(frozen=True)
class IgnoreRules:
    """The rules of a `.dockerignore`: the last one that matches a path, or a folder above it, decides.

    Syntax as in the Dockerfile reference: `*`, `?`, `[...]` inside a name, `**` for any folders, `!` for "not".
    """

    lines: tuple[str, ...]

    @cached_property
    def rules(self) -> tuple[tuple[bool, re.Pattern[str]], ...]:
        """(ignored, pattern), in order."""
        found = []
        for line in self.lines:
            text = line.strip()
            if not text or line.startswith("#"):
                continue
            ignored = not text.startswith("!")
            cleaned = os.path.normpath(text.removeprefix("!").strip().replace("\\", "/")).strip("/")
            found.append((ignored, pattern(cleaned)))
        return tuple(found)

    def ignores(self, path: str) -> bool:
        """Whether a build can't see `path` (relative to the context, with slashes)."""
        parts = path.split("/")
        above = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        decision = False
        for ignored, rule in self.rules:
            if any(rule.fullmatch(name) for name in above):
                decision = ignored
        return decision

    @property
    def has_exceptions(self) -> bool:
        """Whether something below an ignored folder may be seen again."""
        return any(not ignored for ignored, _ in self.rules)


def pattern(text: str) -> re.Pattern[str]:
    """A pattern of a `.dockerignore` or a COPY source as a regular expression."""
    out, index = "", 0
    while index < len(text):
        if text.startswith("**/", index):
            out, index = out + "(?:.*/)?", index + 3
        elif text.startswith("**", index):
            out, index = out + ".*", index + 2
        elif text[index] == "*":
            out, index = out + "[^/]*", index + 1
        elif text[index] == "?":
            out, index = out + "[^/]", index + 1
        elif text[index] == "[" and (end := text.find("]", index + 1)) > 0:
            out, index = out + text[index : end + 1], end + 1
        else:
            out, index = out + re.escape(text[index]), index + 1
    return re.compile(out, re.DOTALL)


def ignore_text(root: Path, dockerfile: Path) -> str:
    """The text of the ignore file that the builder would take, with our own folders added at its end."""
    beside = dockerfile.with_name(f"{dockerfile.name}.dockerignore")
    chosen = beside if beside.is_file() else root / ".dockerignore"
    own = chosen.read_text(encoding="utf-8") if chosen.is_file() else ""
    return "\n".join([own.rstrip("\n"), *ALWAYS, ""]).lstrip("\n")


def context_files(root: Path, rules: IgnoreRules, copies: Sequence[str] | None) -> tuple[ContextFile, ...]:
    """The files below `root` that a build can see, only those that `copies` reaches when that is known."""
    wanted = None if copies is None else [os.path.normpath(copy.lstrip("/") or ".") for copy in copies]
    if wanted is None or "." in wanted:
        return tuple(_walk(root, rules))
    patterns = [pattern(copy) for copy in wanted]
    return tuple(file for file in _walk(root, rules) if _reached(file.path, patterns))


def _reached(path: str, patterns: Sequence[re.Pattern[str]]) -> bool:
    parts = path.split("/")
    above = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    return any(rule.fullmatch(name) for rule in patterns for name in above)


def _walk(root: Path, rules: IgnoreRules) -> Iterator[ContextFile]:
    for folder, folders, names in os.walk(root):
        here = Path(folder).relative_to(root).as_posix()
        prefix = "" if here == "." else f"{here}/"
        links = [name for name in folders if Path(folder, name).is_symlink()]
        folders[:] = sorted(
            name
            for name in folders
            if name not in links
            and not (here == "." and name in ALWAYS)
            and (rules.has_exceptions or not rules.ignores(prefix + name))
        )
        for name in sorted([*names, *links]):
            path = Path(folder, name)
            if not rules.ignores(prefix + name) and (path.is_symlink() or path.is_file()):
                yield ContextFile(path=prefix + name, source=path)
