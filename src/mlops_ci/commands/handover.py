"""`mlops-ci handover`: one run over several jobs. Each packs what it made; the next collects it again.

By a folder, which the CI system carries (`pack`, `collect`), or by the object store (`push`, `pull`).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

import click

from mlops_ci import pipeline
from mlops_ci.commands.options import Options, load_settings
from mlops_ci.commands.voice import new_console, new_provider
from mlops_ci.engines.select import choose
from mlops_ci.errors import UsageError
from mlops_ci.nearness import did_you_mean
from mlops_ci.orchestrators.approving import after_approval
from mlops_ci.orchestrators.fanning import CELL
from mlops_ci.orchestrators.jobs import Job
from mlops_ci.orchestrators.together import files_of
from mlops_ci.run import variants
from mlops_ci.run.cancelled import note_cancelled
from mlops_ci.run.collect import check_needs, large_files, runs_in
from mlops_ci.run.collect import collect as collect_run
from mlops_ci.run.handover import pack as pack_run
from mlops_ci.run.run import Run, open_run, run_ids
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.settings import Settings
from mlops_ci.tracking import database

ARTIFACTS = "artifacts"


class UnknownJobError(UsageError):
    """No job of that name."""


def pack(options: Options, job: str, target: Path, *, file: str = "train", whole: bool = False) -> int:
    """Put into `target` what the job hands on; `whole`: of all jobs, but for what only training and publishing read.

    A run that never began hands on nothing.
    """
    settings = load_settings(options)
    workspace = Workspace(root=settings.root)
    wanted = the_job(job, file)
    if (run := begun(workspace, options)) is None:
        return 0
    packed = pack_run(
        run,
        job=job,
        attempt=attempt(),
        stages=pipeline.NAMES if whole else handed_on(run, wanted),
        target=target,
        file=file,
        extra=embedded(settings, workspace, wanted),
        elsewhere=large_files(run) if whole else (),
        node=os.environ.get(CELL, ""),
    )
    size = sum(ref.bytes for ref in packed.files)
    click.echo(f"packed {packed.part} of run {run.id}: {len(packed.files)} files, {size / 1e6:.1f} MB", err=True)
    return 0


def collect(options: Options, folder: Path, jobs: Sequence[str], *, file: str = "train") -> int:
    """Put the run together again; with `jobs`, check that all is there that these need."""
    workspace = Workspace(root=load_settings(options).root)
    workspace.prepare()
    with workspace.lock():
        there = runs_in(folder)
        run, handovers = collect_run(folder, workspace.folder, goes_on_with(options.run, there))
        for name in () if jobs else variants.handed_on_of(run, there):
            handovers += collect_run(folder, workspace.folder, name)[1]
        check_needs(run, [stage for job in jobs for stage in the_job(job, file).stages])
    for one in handovers:
        click.echo(f"collected {one.part} (attempt {one.attempt}): {len(one.files)} files", err=True)
    click.echo(run.id)
    return 0


def cancelled(options: Options, job: str, *, file: str = "train") -> int:
    """After a cancel: end what is left, and let the record of the stage that was running say so."""
    provider = new_provider()
    console = new_console(verbose=False, provider=provider)
    settings = load_settings(options)
    workspace = Workspace(root=settings.root)
    if options.engine != "auto":
        ended = choose(options.engine, local=provider.local, project=settings.root, console=console).sweep()
        console.say(f"ended what was left running: {ended}")
    if (run := begun(workspace, options)) is None:
        console.say("the run had not begun")
        return 0
    record = note_cancelled(run, the_job(job, file).stages)
    console.say(f"run {run.id}: {record.stage if record else job} cancelled")
    return 0


def the_job(name: str, file: str) -> Job:
    """The job of that name in a called file; raises `UnknownJobError`."""
    files = {one.name: one for one in files_of(os.environ)}
    if file not in files:
        raise UnknownJobError(
            f"there is no called file `{file}`{did_you_mean(file, files)}", hint=f"files: {', '.join(files)}"
        )
    jobs = {job.name: job for job in (*files[file].jobs, *after_approval(files[file]))}
    if name not in jobs:
        raise UnknownJobError(f"{file} has no job `{name}`{did_you_mean(name, jobs)}", hint=f"jobs: {', '.join(jobs)}")
    return jobs[name]


def goes_on_with(name: str | None, there: Collection[str]) -> str | None:
    """The run with which a job goes on: one for another build begins with what was planned for the pipeline."""
    found = variants.beside(name)
    return found.planned if found is not None and name not in there else name


def begun(workspace: Workspace, options: Options) -> Run | None:
    """The run that this job goes on with, or None, which is said."""
    known = run_ids(workspace.runs)
    if not known or variants.begins_beside(options.run, workspace.runs):
        click.echo("there is no run: nothing is handed on", err=True)
        return None
    return open_run(workspace.runs, options.run or "latest")


def attempt() -> int:
    """The CI system's count of this job."""
    count = new_provider().attempt() or "1"
    return int(count) if count.isdigit() else 1


def handed_on(run: Run, job: Job) -> tuple[str, ...]:
    """The stages of the job; the last one has also written the records of those that no job ran."""
    if not job.always:
        # Its plan is this job's too: no other has made one for that build.
        return ("plan", *job.stages) if variants.beside(run.id) and "build" in job.stages else job.stages
    plan = run.record("plan")
    left_out = tuple(plan.outputs.get("left_out", {})) if plan is not None else ()
    return (*left_out, *job.stages)


def embedded(settings: Settings, workspace: Workspace, job: Job) -> list[Path]:
    """The embedded stores go with the run where no server is configured: else they would end with the machine."""
    own: list[Path] = []
    if job.always or job.beside:
        # It counts up and tells, or is beside; who goes on with the run has the stores from the jobs that filled them.
        return own
    if "tracking" in job.secrets and not settings.tables.tracking.uri:
        database.settle(workspace.mlflow)
        own += [workspace.mlflow / name for name in (database.DATABASE, database.MARKER, ARTIFACTS)]
    if "store" in job.secrets and not settings.tables.publish.store:
        own.append(workspace.store)
    return [path for path in own if os.path.exists(path)]
