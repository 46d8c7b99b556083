"""`mlops-ci init`: writes a commented `mlops.toml` for this repository."""

from __future__ import annotations

from pathlib import Path

import click

from mlops_ci.config import schema
from mlops_ci.config.guess import guess
from mlops_ci.config.template import SCHEMA_PATH, render
from mlops_ci.errors import UsageError
from mlops_ci.files import write_atomic
from mlops_ci.run.workspace import Workspace

NAME = "mlops.toml"


class ExistsError(UsageError):
    """There is a configuration already."""


def init(command: str | None, *, force: bool) -> int:
    """Look at the repository, propose settings, write them; an existing file is kept unless forced."""
    root = Path.cwd()
    path = root / NAME
    if path.exists() and not force:
        raise ExistsError(f"{path} exists", hint="edit it, or write it anew with --force")
    found = guess(root)
    workspace = Workspace(root=root)
    workspace.prepare()
    write_atomic(root / SCHEMA_PATH, schema.text())
    write_atomic(path, render(root.name, command or found.command, found=found))
    click.echo(f"wrote {path}", err=True)
    click.echo("next: look through it, then `mlops-ci run`", err=True)
    return 0
