"""`mlops-ci handover push` and `pull`: one run over several jobs, handed on through the object store."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import click

from mlops_ci.commands.handover import attempt, begun, embedded, goes_on_with, handed_on, the_job
from mlops_ci.commands.options import Options, load_settings
from mlops_ci.commands.surroundings import assume_role_to_hand_on
from mlops_ci.commands.voice import new_provider
from mlops_ci.errors import UsageError
from mlops_ci.orchestrators.fanning import CELL
from mlops_ci.publishing.gather import Gathered, gather
from mlops_ci.publishing.parts import has_parts
from mlops_ci.publishing.parts import push as push_run
from mlops_ci.run import variants
from mlops_ci.run.collect import check_needs
from mlops_ci.run.handover import LARGE_FOR
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.settings import Settings
from mlops_ci.stages.addresses import store_opener
from mlops_ci.stores.base import Store


class NoSharedStoreError(UsageError):
    """There is no store that the machines of all jobs reach."""


def push(options: Options, job: str, *, file: str = "train") -> int:
    """Put into the store what the job hands on. A run that never began hands on nothing."""
    settings = load_settings(options)
    workspace = Workspace(root=settings.root)
    wanted = the_job(job, file)
    if (run := begun(workspace, options)) is None:
        return 0
    with _store(settings) as store:
        done = push_run(
            store,
            run,
            job=job,
            attempt=attempt(),
            stages=handed_on(run, wanted),
            extra=embedded(settings, workspace, wanted),
            file=file,
            node=os.environ.get(CELL, ""),
        )
    size = sum(ref.bytes for ref in done.handover.files)
    click.echo(
        f"handed on {done.handover.part} of run {run.id}: {len(done.handover.files)} files, {size / 1e6:.1f} MB "
        f"({done.uploaded} uploaded, {done.reused} there already)",
        err=True,
    )
    return 0


def pull(options: Options, jobs: Sequence[str], *, file: str = "train", light: bool = False) -> int:
    """Put the run together again from the store; with `jobs`, check that all is there that these need.

    Models and checkpoints are fetched for jobs that read them, and for nobody where `light` says so.
    """
    settings = load_settings(options)
    if not options.run:
        raise UsageError(
            "which run is to be fetched from the store?", hint="name it: --run, as the job `plan` handed it on"
        )
    workspace = Workspace(root=settings.root)
    workspace.prepare()
    stages = [stage for job in jobs for stage in the_job(job, file).stages]
    light = light or (bool(stages) and not set(stages) & LARGE_FOR)
    with workspace.lock(), _store(settings) as store:
        wanted = goes_on_with(options.run, [options.run] if has_parts(store, options.run) else [])
        done = gather(store, wanted or options.run, workspace.folder, light=light)
        for name in () if stages else variants.builds(done.run):
            done = _and(done, store, variants.named(done.run.id, name), workspace)
        check_needs(done.run, stages)
    for one in done.parts:
        left = f", {len(one.elsewhere)} left in the store" if one.elsewhere else ""
        click.echo(f"collected {one.part} (attempt {one.attempt}): {len(one.files)} files{left}", err=True)
    click.echo(f"fetched {done.files} files, {done.bytes / 1e6:.1f} MB", err=True)
    click.echo(done.run.id)
    return 0


def _and(done: Gathered, store: Store, name: str, workspace: Workspace) -> Gathered:
    """The same, with what was handed on of a run beside it."""
    if not has_parts(store, name):
        return done
    more = gather(store, name, workspace.folder, light=True)
    return replace(done, parts=(*done.parts, *more.parts), files=done.files + more.files, bytes=done.bytes + more.bytes)


@contextmanager
def _store(settings: Settings) -> Iterator[Store]:
    address, provider = settings.tables.publish.store, new_provider()
    if not address:
        raise NoSharedStoreError(
            "the run is to be handed on through the object store, and none is configured",
            hint='set `[publish] store`, or render the files of the CI system with `handover = "artifact"`',
        )
    if not provider.local and "://" not in address and not Path(address).is_absolute():
        raise NoSharedStoreError(
            f"`[publish] store` is {address!r}, a folder of this machine: other jobs do not see it",
            hint="name an S3 address, or the absolute path of a folder that all runners share",
        )
    with ExitStack() as stack:
        assume_role_to_hand_on(settings, provider.name, os.environ, stack)
        yield store_opener(settings)(address)
