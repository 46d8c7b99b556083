"""The guest as one file that engines hand to jobs."""

from __future__ import annotations

import os
from pathlib import Path

from mlops_ci.guest import bundle

# The zipapps that this process has made or compared already, as they were then.
_known: dict[Path, tuple[int, ...]] = {}


def guest_file(project: Path) -> Path:
    """The guest's zipapp, built in the project's cache; looked into once, and again when the file is another."""
    path = project / ".mlops" / "cache" / "guest" / "mlops-guest.pyz"
    if path not in _known or _known[path] != _state(path):
        bundle.build(path)
        _known[path] = _state(path)
    return path


def _state(path: Path) -> tuple[int, ...]:
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
