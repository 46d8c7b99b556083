"""From the command line's options to a session: settings, provider, engine, lock, and the run that it serves."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType

from mlops_ci.commands.elsewhere import elsewhere
from mlops_ci.commands.options import Options, load_settings
from mlops_ci.commands.surroundings import assume_role, drop_empty, log_in
from mlops_ci.commands.voice import new_console, new_provider
from mlops_ci.console import Console
from mlops_ci.engines.base import Engine
from mlops_ci.engines.select import ENGINE_ALONE, Elsewhere, choose
from mlops_ci.errors import UsageError
from mlops_ci.files import digest_of
from mlops_ci.providers.base import Provider
from mlops_ci.run import variants
from mlops_ci.run.clock import now
from mlops_ci.run.run import Run, create, new_info, open_run, unfinished
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.settings import Settings
from mlops_ci.stages.given import given
from mlops_ci.stages.hidden import hide_addresses
from mlops_ci.stages.resolution import Resolution, resolve
from mlops_ci.stages.same import check_same, remember_settings
from mlops_ci.stages.session import Session


class EngineNotAllowedError(UsageError):
    """A policy does not allow this engine."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an invocation works: what it started has ended when `stack` has closed."""

    provider: Provider
    console: Console
    engine: Engine
    stack: ExitStack


@contextmanager
def workplace(options: Options, workspace: Workspace, images: Elsewhere = ENGINE_ALONE) -> Iterator[Place]:
    """Hold the directory's lock, with an engine on which nothing is left of what was killed before.

    `images` is what makes them where no engine does.
    """
    provider = new_provider()
    console = new_console(verbose=options.verbose, provider=provider)
    workspace.prepare()
    with ExitStack() as stack:
        stack.callback(provider.sink.flush)
        stack.enter_context(workspace.lock())
        stack.enter_context(termination())
        engine = choose(options.engine, local=provider.local, project=workspace.root, console=console, elsewhere=images)
        engine.sweep()
        yield Place(provider=provider, console=console, engine=engine, stack=stack)


@contextmanager
def open_session(options: Options, *, purpose: str = "", beside: str | None = None) -> Iterator[Session]:
    """A session that holds the directory's lock; everything it started has ended when it closes.

    A run with a `purpose` is none that a run without it goes on with, and the other way round; one `beside` a night is
    its canary.
    """
    drop_empty(os.environ)
    settings = load_settings(options, new_provider())
    workspace = Workspace(root=settings.root)
    with workplace(options, workspace, elsewhere(settings)) as place:
        check_engine(settings, place.engine.name)
        hide_secrets(place.console, settings, os.environ)
        hide_addresses(settings, os.environ, place.console.redactor)
        log_in(settings, os.environ, place.console, place.stack)
        assume_role(settings, place.provider.name, os.environ, place.stack)
        beside = variants.begins_beside(options.run, workspace.runs) or beside
        later = options.run is not None and not place.provider.local and beside is None
        resolution = resolve(settings, workspace, place.engine, later=later)
        run = _run(options, settings, workspace, place, resolution, purpose, beside)
        place.console.say(f"run {run.id}")
        yield Session(
            settings=settings,
            workspace=workspace,
            provider=place.provider,
            console=place.console,
            engine=place.engine,
            resolution=resolution,
            run=run,
            stack=place.stack,
            force=options.force,
            config=options.config,
        )


def check_engine(settings: Settings, engine: str) -> None:
    """Raise `EngineNotAllowedError` where a policy does not allow it."""
    allowed = settings.governance.engines
    if allowed is not None and engine not in allowed:
        raise EngineNotAllowedError(
            f"the policy does not allow the engine {engine}",
            hint=f"it allows: {', '.join(allowed) or 'none'} (--engine)",
        )


def hide_secrets(console: Console, settings: Settings, environ: Mapping[str, str]) -> None:
    """Hide what `secrets` of two tables name, also where a variable's own name does not say that it is one."""
    for name in (*settings.tables.train.secrets, *settings.tables.deploy.secrets):
        console.secret(environ.get(name, ""))


def _run(
    options: Options,
    settings: Settings,
    workspace: Workspace,
    place: Place,
    resolution: Resolution,
    purpose: str,
    beside: str | None,
) -> Run:
    provider, engine = place.provider, place.engine.name
    plan = digest_of([resolution.fingerprint, purpose]) if purpose else resolution.fingerprint
    begins = variants.begins_beside(options.run, workspace.runs)
    if begins is not None:
        # It must be here: its name alone would make a run beside none.
        open_run(workspace.runs, begins)
        variants.check(options.run, resolution.variant)
    elif options.run is not None:
        run = open_run(workspace.runs, options.run)
        if not provider.local:
            check_same(run, settings, resolution, engine)
        return run
    known = unfinished(workspace.runs, plan, beside=beside) if begins is None else None
    if known is not None:
        return known
    asked = given(settings, place.console.redactor)
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
            file=settings.file.name if settings.file is not None else None,
            sets=asked.sets,
            withheld=asked.withheld,
            beside=beside,
            name=options.run,
        ),
    )
    remember_settings(run, settings)
    return run


@contextmanager
def termination() -> Iterator[None]:
    """SIGTERM ends us as Ctrl-C does: through every `finally`, with a record, and with exit code 143."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
