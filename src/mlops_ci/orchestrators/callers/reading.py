"""Files as trees, with a finding for each that cannot be read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from mlops_ci.orchestrators.callers.finding import Finding, Level
from mlops_ci.orchestrators.callers.yaml_tree import Tree, parse

Tell = Callable[[Finding], None]
UNREADABLE = "it must be a file that everybody may read who checks the repository out"
NOT_UTF8 = "save it as UTF-8"
MARKER = "Written by `mlops-ci render "


def read(path: Path, root: Path, tell: Tell, *, core: bool) -> tuple[Tree, ...]:
    """The documents of a file; nothing, and a finding, where it cannot be read."""
    name = os.path.relpath(path, root)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason, fix = (error.strerror, UNREADABLE) if isinstance(error, OSError) else ("is not UTF-8", NOT_UTF8)
        tell(Finding(level="error", file=name, line=1, message=f"cannot be read: {reason}", fix=fix))
        return ()
    parsed = parse(text, core=core)
    for fault in parsed.faults:
        # GitHub refuses what GitLab takes the last of.
        level: Level = "error" if fault.fatal or core else "warning"
        tell(Finding(level=level, file=name, line=fault.line, message=fault.message, fix=fault.fix))
    return parsed.documents


def is_ours(repository: str, known: str) -> bool:
    """Whether a repository holds the bundle: the one known by name, or any copy that keeps the name."""
    found, wanted = repository.strip("/").lower(), known.lower()
    return found == wanted or found.rpartition("/")[2] == wanted.rpartition("/")[2]


def is_there(path: Path) -> bool:
    """Whether it is a file; a name that no file can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_rendered(path: Path) -> bool:
    """Whether the file is one of the bundle's own: a copy that lies in the caller's repository."""
    try:
        return is_there(path) and MARKER in path.read_text(encoding="utf-8", errors="replace")[:1000]
    except OSError:
        return False
