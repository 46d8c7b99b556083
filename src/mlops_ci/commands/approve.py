"""`mlops-ci approve RUN`: a human's yes to a promotion that waits."""

from __future__ import annotations

import getpass
from dataclasses import replace

import click

from mlops_ci.commands.options import Options, load_settings
from mlops_ci.commands.run import run as run_command
from mlops_ci.errors import UsageError
from mlops_ci.run.approval import approve as note
from mlops_ci.run.run import open_run
from mlops_ci.run.workspace import Workspace


class NotWaitingError(UsageError):
    """The run does not wait for an approval."""


def approve(options: Options, name: str, *, deploy: bool = True) -> int:
    """Note the approval, then promote, deploy where that is asked for and wanted here, and report."""
    run = open_run(Workspace(root=load_settings(options).root).runs, name)
    record = run.record("promote")
    if record is None or record.status != "waiting":
        raise NotWaitingError(f"run {run.id} does not wait for an approval", hint="`mlops-ci runs` shows which do")
    note(run, getpass.getuser())
    click.echo(f"approved {run.id}", err=True)
    return run_command(replace(options, run=run.id, only=True), ("promote", *(("deploy",) if deploy else ()), "report"))
