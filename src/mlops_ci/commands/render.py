"""`mlops-ci render`: the files that a CI system's users call, written from the one graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from mlops_ci.errors import GateError
from mlops_ci.files import write_atomic
from mlops_ci.orchestrators.gitlab import render_gitlab
from mlops_ci.orchestrators.gitlab_profile import gitlab_profile
from mlops_ci.version import version


class StaleRenderingError(GateError):
    """Rendered files are not what the graph and the profile give."""


def gitlab(profile: str, output: Path, *, check: bool) -> int:
    """Write the files for GitLab, or with `check` say which of them are stale."""
    return _write(render_gitlab(gitlab_profile(profile), version=version()), output, check=check, system="gitlab")


def _write(files: Mapping[str, str], output: Path, *, check: bool, system: str) -> int:
    """Files that hold the right text already are not touched. Raises `StaleRenderingError`."""
    stale = {name: text for name, text in files.items() if _read(output / name) != text}
    if check and stale:
        raise StaleRenderingError(
            f"stale: {', '.join(stale)}",
            hint=f"run `mlops-ci render {system}` and commit it; changes belong into the graph or the profile",
        )
    for name, text in stale.items():
        path = output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text)
        click.echo(name)
    return 0


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
        return None
