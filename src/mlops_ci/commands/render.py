"""`mlops-ci render`: the graph written down for a CI system."""

from __future__ import annotations

from pathlib import Path

import click

from mlops_ci.errors import GateError
from mlops_ci.files import write_atomic
from mlops_ci.orchestrators.github.profile import load_profile
from mlops_ci.orchestrators.github.render import render, stale


class StaleFilesError(GateError):
    """Rendered files are not what the graph and the profile say."""


def github(profile: str, output: Path, *, check: bool) -> int:
    """Write the workflows and the setup action below `output`; with `check` write nothing and name what differs."""
    files = render(load_profile(profile))
    old = stale(files, output)
    if check and old:
        raise StaleFilesError(
            f"{len(old)} of {len(files)} files are not as rendered: {', '.join(old)}",
            hint=f"`mlops-ci render github --profile {profile}` writes them; change the graph or the profile, not them",
        )
    for path in old:
        write_atomic(output / path, files[path])
        click.echo(f"wrote {path}", err=True)
    click.echo(f"{len(files)} files are as the graph and the profile {profile} say", err=True)
    return 0
