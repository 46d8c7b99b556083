"""`mlops-ci handover`: one run over several jobs. Each packs what it made; the next collects it again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from mlops_ci import pipeline
from mlops_ci.commands.invocation import Options, load_settings
from mlops_ci.commands.voice import new_console, new_provider
from mlops_ci.engines.select import choose
from mlops_ci.errors import UsageError
from mlops_ci.nearness import did_you_mean
from mlops_ci.orchestrators.jobs import Job, jobs_of
from mlops_ci.run.cancelled import note_cancelled
from mlops_ci.run.collect import check_needs
from mlops_ci.run.collect import collect as collect_run
from mlops_ci.run.handover import pack as pack_run
from mlops_ci.run.run import open_run, run_ids
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.settings import Settings


class UnknownJobError(UsageError):
    """No job of that name."""


def pack(options: Options, job: str, target: Path) -> int:
    """Put into `target` what the job hands on. A run that never began hands on nothing."""
    settings = load_settings(options)
    workspace = Workspace(root=settings.root)
    stages = the_job(job).stages
    if not run_ids(workspace.runs):
        click.echo("there is no run: nothing is handed on", err=True)
        return 0
    run = open_run(workspace.runs, options.run or "latest")
    attempt = new_provider().attempt() or "1"
    packed = pack_run(
        run,
        job=job,
        attempt=int(attempt) if attempt.isdigit() else 1,
        stages=stages,
        target=target,
        extra=_embedded(settings, workspace, the_job(job)),
    )
    size = sum(ref.bytes for ref in packed.files)
    click.echo(f"packed {job} of run {run.id}: {len(packed.files)} files, {size / 1e6:.1f} MB", err=True)
    return 0


def collect(options: Options, folder: Path, jobs: Sequence[str]) -> int:
    """Put the run together again; with `jobs`, check that all is there that these need."""
    workspace = Workspace(root=load_settings(options).root)
    workspace.prepare()
    with workspace.lock():
        run, handovers = collect_run(folder, workspace.folder, options.run)
        check_needs(run, [stage for job in jobs for stage in the_job(job).stages])
    for one in handovers:
        click.echo(f"collected {one.job} (attempt {one.attempt}): {len(one.files)} files", err=True)
    click.echo(run.id)
    return 0


def cancelled(options: Options, job: str) -> int:
    """After a cancel: end what is left, and let the record of the stage that was running say so."""
    provider = new_provider()
    console = new_console(verbose=False, provider=provider)
    settings = load_settings(options)
    workspace = Workspace(root=settings.root)
    if options.engine != "auto":
        ended = choose(options.engine, local=provider.local, project=settings.root, console=console).sweep()
        console.say(f"ended what was left running: {ended}")
    if not run_ids(workspace.runs):
        console.say("the run had not begun")
        return 0
    run = open_run(workspace.runs, options.run or "latest")
    record = note_cancelled(run, the_job(job).stages)
    console.say(f"run {run.id}: {record.stage if record else job} cancelled")
    return 0


def the_job(name: str) -> Job:
    """The job of that name in the whole pipeline; raises `UnknownJobError`."""
    jobs = {job.name: job for job in jobs_of(pipeline.NAMES)}
    if name not in jobs:
        raise UnknownJobError(f"there is no job `{name}`{did_you_mean(name, jobs)}", hint=f"jobs: {', '.join(jobs)}")
    return jobs[name]


def _embedded(settings: Settings, workspace: Workspace, job: Job) -> list[Path]:
    """The embedded stores go with the run where no server is configured: else they would end with the machine."""
    own = []
    if "tracking" in job.secrets and not settings.tables.tracking.uri:
        own += [workspace.mlflow / "mlflow.db", workspace.mlflow / "mlflow.db.version", workspace.mlflow / "artifacts"]
    if "store" in job.secrets and not settings.tables.publish.store:
        own.append(workspace.store)
    return [path for path in own if os.path.exists(path)]
