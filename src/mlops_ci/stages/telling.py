"""What a run has to tell, and telling it: by the channels in `[notify]`, remembered in the object store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from mlops_ci.console import Console
from mlops_ci.notifying.channels import hide, open_channels, variables
from mlops_ci.notifying.event import Event
from mlops_ci.notifying.memory import StoreMemory
from mlops_ci.notifying.tell import Teller
from mlops_ci.providers.base import Provider
from mlops_ci.records.report import Notification
from mlops_ci.reporting.data import ReportData
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.settings import Settings
from mlops_ci.stages.addresses import ca_bundle, configured_store
from mlops_ci.stages.events import of_no_run, of_run
from mlops_ci.stages.session import Session
from mlops_ci.stores.base import Store


@dataclass(frozen=True, kw_only=True)
class Telling:
    """Who was told, and what went wrong: never an error."""

    notifications: tuple[Notification, ...] = ()
    warnings: tuple[str, ...] = ()


def tell(
    events: Iterable[Event],
    settings: Settings,
    *,
    console: Console,
    environ: Mapping[str, str],
    open_store: Callable[[], Store],
) -> Telling:
    """Tell the events. Nothing here raises: neither for a channel or the memory, nor for a bug of ours."""
    notify = settings.tables.notify
    try:
        listed = tuple(events) if variables(notify) else ()
        if not listed:
            return Telling()
        hide(notify, environ, console.redactor)
        opened = open_channels(notify, environ, root=settings.root, bundle=ca_bundle(settings))
        teller = Teller(
            settings=notify, opened=opened, memory=StoreMemory(open_store=open_store), redactor=console.redactor
        )
        teller.tell(listed)
    except Exception as error:  # noqa: BLE001  # what tells of a pipeline must never be what fails it
        return Telling(warnings=(f"notifications: nobody was told: {type(error).__name__}, a bug of mlops-ci",))
    for one in teller.told:
        console.say(f"told {one.channel} of {one.event}: {one.ending}")
    return Telling(notifications=tuple(teller.told), warnings=tuple(teller.warnings))


def tell_of_run(session: Session, data: ReportData) -> Telling:
    """Tell what a run has to tell, where its settings and its provider let it."""
    if not _to_be_told(session.settings, session.provider, session.environ):
        return Telling()
    return tell(
        of_run(session.settings, session.provider, data, lost_job=session.lost_job),
        session.settings,
        console=session.console,
        environ=session.environ,
        open_store=lambda: session.store,
    )


def tell_of_no_run(
    settings: Settings, provider: Provider, reason: str, *, console: Console, environ: Mapping[str, str]
) -> Telling:
    """Tell that a pipeline failed before there was a run."""
    if not _to_be_told(settings, provider, environ):
        return Telling()
    event = of_no_run(settings, provider, reason)
    return tell([event], settings, console=console, environ=environ, open_store=store_of(settings))


def tell_of_watch(
    settings: Settings, provider: Provider, event: Event, *, console: Console, environ: Mapping[str, str]
) -> None:
    """Tell what somebody who watches has seen; what goes wrong with that is a warning."""
    if not _to_be_told(settings, provider, environ):
        return
    for warning in tell([event], settings, console=console, environ=environ, open_store=store_of(settings)).warnings:
        console.annotate("warning", "notify", warning)


def store_of(settings: Settings) -> Callable[[], Store]:
    """Opens the configured store, else the local folder: where there is no session."""
    return lambda: configured_store(settings, Workspace(root=settings.root))


def _to_be_told(settings: Settings, provider: Provider, environ: Mapping[str, str]) -> bool:
    """A pull request has its comment, code of a fork no secrets, and a person's machine no addresses: no fault."""
    notify = settings.tables.notify
    names = variables(notify).values()
    if provider.change() is not None and not notify.pull_requests:
        return False
    if not provider.trusted()[0]:
        return False
    return any(environ.get(name) for name in names) if provider.local else bool(names)
