"""`mlops-ci render`: the graph written down for a CI system."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from mlops_ci.errors import GateError
from mlops_ci.files import write_atomic
from mlops_ci.orchestrators.github.profile import load_profile as github_profile
from mlops_ci.orchestrators.github.render import render as render_github
from mlops_ci.orchestrators.github.render import stale
from mlops_ci.orchestrators.gitlab.profile import load_profile as gitlab_profile
from mlops_ci.orchestrators.gitlab.render import render as render_gitlab


class StaleFilesError(GateError):
    """Rendered files are not what the graph and the profile say."""


def github(profile: str, output: Path, *, check: bool) -> int:
    """Write the workflows and the setup action below `output`; with `check` write nothing and name what differs."""
    return _write("github", profile, render_github(github_profile(profile)), output, check=check)


def gitlab(profile: str, output: Path, *, check: bool) -> int:
    """Write the files to include and the components below `output`; with `check` write nothing, name what differs."""
    return _write("gitlab", profile, render_gitlab(gitlab_profile(profile)), output, check=check)


def _write(system: str, profile: str, files: Mapping[str, str], output: Path, *, check: bool) -> int:
    old = stale(files, output)
    if check and old:
        raise StaleFilesError(
            f"{len(old)} of {len(files)} files are not as rendered: {', '.join(old)}",
            hint=f"`mlops-ci render {system} --profile {profile}` writes them; change the graph or the profile",
        )
    for path in old:
        write_atomic(output / path, files[path])
        click.echo(f"wrote {path}", err=True)
    click.echo(f"{len(files)} files are as the graph and the profile {profile} say", err=True)
    return 0
