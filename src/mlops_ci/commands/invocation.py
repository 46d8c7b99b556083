"""From the command line's options to a session: settings, provider, engine, lock, and the run that it serves."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from mlops_ci.commands.voice import new_console, new_provider
from mlops_ci.config.load import load
from mlops_ci.engines.select import choose
from mlops_ci.files import digest_of
from mlops_ci.providers.base import Provider
from mlops_ci.run.clock import now
from mlops_ci.run.run import Run, create, new_info, open_run, unfinished
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.settings import Settings
from mlops_ci.stages.resolution import Resolution, resolve
from mlops_ci.stages.same import check_same, remember_settings
from mlops_ci.stages.session import Session

# Further `--set` values, one per line: how a CI system passes them on.
SETS = "MLOPS_CI_SET"


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options that all stages share."""

    config: Path | None = None
    run: str | None = None
    engine: str = "auto"
    variant: str | None = None
    mode: str | None = None
    sets: tuple[str, ...] = ()
    only: bool = False
    force: bool = False
    json: bool = False
    verbose: bool = False


def load_settings(options: Options) -> Settings:
    """The effective settings of these options."""
    given = [line for line in os.environ.get(SETS, "").splitlines() if line.strip()]
    sets = (*given, *options.sets)
    flags = {"--variant": f"image.variant={options.variant}"} if options.variant else {}
    return load(options.config, cwd=Path.cwd(), mode=options.mode, environ=os.environ, sets=sets, flags=flags)


@contextmanager
def open_session(options: Options, *, purpose: str = "") -> Iterator[Session]:
    """A session that holds the directory's lock; everything it started has ended when it closes.

    A run with a `purpose` is none that a run without it goes on with, and the other way round.
    """
    settings = load_settings(options)
    provider = new_provider()
    console = new_console(verbose=options.verbose, provider=provider)
    workspace = Workspace(root=settings.root)
    workspace.prepare()
    with ExitStack() as stack:
        stack.callback(provider.sink.flush)
        stack.enter_context(workspace.lock())
        stack.enter_context(_termination())
        engine = choose(options.engine, local=provider.local, project=settings.root, console=console)
        engine.sweep()
        resolution = resolve(settings, workspace, engine)
        run = _run(options, settings, workspace, provider, resolution, engine.name, purpose)
        console.say(f"run {run.id}")
        yield Session(
            settings=settings,
            workspace=workspace,
            provider=provider,
            console=console,
            engine=engine,
            resolution=resolution,
            run=run,
            stack=stack,
            force=options.force,
        )


def _run(
    options: Options,
    settings: Settings,
    workspace: Workspace,
    provider: Provider,
    resolution: Resolution,
    engine: str,
    purpose: str,
) -> Run:
    plan = digest_of([resolution.fingerprint, purpose]) if purpose else resolution.fingerprint
    if options.run is not None:
        run = open_run(workspace.runs, options.run)
        if not provider.local:
            check_same(run, settings, resolution, engine)
        return run
    known = unfinished(workspace.runs, plan)
    if known is not None:
        return known
    run = create(
        workspace.runs,
        new_info(
            moment=now(),
            project=settings.name,
            plan=plan,
            mode=settings.mode,
            engine=engine,
            variant=resolution.variant,
            provider=provider.name,
            lineage=resolution.lineage(settings.tables.train.seed),
            links=dict(provider.links()),
        ),
    )
    remember_settings(run, settings)
    return run


@contextmanager
def _termination() -> Iterator[None]:
    """SIGTERM ends us as Ctrl-C does: through every `finally`, with a record, and with exit code 143."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
