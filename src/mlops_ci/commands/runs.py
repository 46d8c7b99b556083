"""`mlops-ci runs`: the runs of this directory, newest first."""

from __future__ import annotations

import json
from collections.abc import Mapping

import click

from mlops_ci.commands.options import Options, project_root
from mlops_ci.errors import MlopsError
from mlops_ci.run import variants
from mlops_ci.run.run import Run, open_run, run_ids
from mlops_ci.run.workspace import Workspace


def runs(options: Options) -> int:
    """Print one line per run: id, how far it came, verdict, model version, commit."""
    folder = Workspace(root=project_root(options)).runs
    rows = [_row(open_run(folder, name)) for name in reversed(run_ids(folder))]
    if options.json:
        click.echo(json.dumps(rows, indent=2))
        return 0
    if not rows:
        click.echo("no runs yet: `mlops-ci run` starts one")
    for row in rows:
        click.echo(
            f"{row['run']}  {row['status']:<8} {row['stage'] or '-':<9} "
            f"{row['verdict'] or '-':<8} {row['model'] or '-':<16} {(row['commit'] or '-')[:12]}"
            f"{'  repeats ' + row['reproduces'] if row['reproduces'] else ''}"
            f"{_beside(row)}"
        )
    return 0


def _beside(row: Mapping[str, str | None]) -> str:
    """To which run it belongs, and as what."""
    if not row["beside"]:
        return ""
    other = variants.beside(row["run"])
    return f"  {'canary' if other is None else f'images for {other.variant}'} of {row['beside']}"


def _row(run: Run) -> dict[str, str | None]:
    """How far the run came. A damaged record is shown as such, not as a crash."""
    row: dict[str, str | None] = {
        "run": run.id,
        "status": "new",
        "stage": None,
        "verdict": None,
        "model": None,
        "commit": run.info.lineage.commit,
        "reproduces": run.info.reproduces,
        "beside": run.info.beside,
    }
    try:
        records = run.records()
    except MlopsError:
        return {**row, "status": "damaged"}
    if not records:
        return row
    failed = [name for name, record in records.items() if record.status == "failed"]
    waiting = [name for name, record in records.items() if record.status == "waiting"]
    last = (failed or waiting or list(records))[-1]
    row["status"] = "failed" if failed else "waiting" if waiting else "passed" if "report" in records else "partly"
    row["stage"] = last
    if "evaluate" in records:
        row["verdict"] = str(records["evaluate"].outputs.get("verdict") or "") or None
    if "publish" in records and (model := records["publish"].outputs.get("model")):
        row["model"] = f"{model['name']} v{model['version']}"
    return row
