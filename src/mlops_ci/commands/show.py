"""`mlops-ci show [RUN]`: what happened in one run."""

from __future__ import annotations

import json

import click

from mlops_ci.commands.options import Options, project_root
from mlops_ci.records.codec import to_json
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.terminal import page_text
from mlops_ci.run.run import open_run
from mlops_ci.run.workspace import Workspace


def show(options: Options, name: str) -> int:
    """Print the page of a run (`latest` by default), or its records with `--json`."""
    run = open_run(Workspace(root=project_root(options)).runs, name)
    if options.json:
        records = {stage: to_json(record) for stage, record in run.records().items()}
        click.echo(json.dumps({"run": to_json(run.info), "records": records}, indent=2))
        return 0
    click.echo(page_text(ReportData.read(run.folder)))
    return 0
