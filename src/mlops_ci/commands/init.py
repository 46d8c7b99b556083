"""`mlops-ci init`: writes a commented `mlops.toml` for this repository, and the files of a CI system if asked."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import click

from mlops_ci.config import schema
from mlops_ci.config.guess import guess
from mlops_ci.config.notebook import Script, export
from mlops_ci.config.template import SCHEMA_PATH, render
from mlops_ci.errors import UsageError
from mlops_ci.files import write_atomic
from mlops_ci.run.workspace import Workspace

NAME = "mlops.toml"


class ExistsError(UsageError):
    """There is a configuration already."""


class BundleAloneError(UsageError):
    """A bundle is named, and no CI system that would call it."""


def init(
    command: str | None,
    *,
    force: bool,
    provider: str | None = None,
    bundle: str | None = None,
    notebook: Path | None = None,
) -> int:
    """Look at the repository, propose settings, write them; an existing file is kept unless forced.

    With a `provider` its files too, at the top of the repository, for the bundle that `bundle` names; then a
    `mlops.toml` that is there already stays as it is. A `notebook` becomes a script, which is the command.
    """
    root = Path.cwd()
    path = root / NAME
    if provider is None and bundle is not None:
        raise BundleAloneError("--bundle says what a CI system calls", hint="add --provider github, gitlab or both")
    exported = _export(notebook, root, force=force) if notebook is not None and (force or not path.exists()) else None
    if provider is None:
        _configuration(command, root, path, force=force, exported=exported)
        click.echo("in CI: `mlops-ci init --provider github`, `gitlab` or `both` writes those files too", err=True)
        return 0
    from mlops_ci.commands.init_provider import starters, write

    made = starters(provider, bundle, root)
    if path.exists() and not force:
        click.echo(f"{path} is there already", err=True)
    else:
        _configuration(command, root, path, force=force, exported=exported)
    write(made, root)
    return 0


def _export(notebook: Path, root: Path, *, force: bool) -> tuple[str, Script]:
    """Write the script beside the configuration; its name and what it is."""
    made = export(notebook)
    name = f"{notebook.stem}.py"
    if (root / name).exists() and not force:
        raise ExistsError(f"{root / name} exists", hint="move it away, or write it anew with --force")
    write_atomic(root / name, made.text)
    click.echo(f"wrote {root / name}", err=True)
    for note in made.notes:
        click.echo(f"note: {note}", err=True)
    return name, made


def _configuration(
    command: str | None, root: Path, path: Path, *, force: bool, exported: tuple[str, Script] | None = None
) -> None:
    if path.exists() and not force:
        raise ExistsError(f"{path} exists", hint="edit it, or write it anew with --force")
    found = guess(root)
    if exported is not None:
        name, made = exported
        found = replace(found, command=f"python {shlex.quote(name)}", params=made.params)
    workspace = Workspace(root=root)
    workspace.prepare()
    write_atomic(root / SCHEMA_PATH, schema.text())
    write_atomic(path, render(root.name, command or found.command, found=found))
    click.echo(f"wrote {path}", err=True)
    click.echo("next: look through it, then `mlops-ci run`", err=True)
