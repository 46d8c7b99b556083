"""`mlops-ci notify KIND`: tell people something by the channels in `[notify]`; `test` tries the channels."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import cast

import click

from mlops_ci.commands.options import Options, load_settings
from mlops_ci.commands.voice import new_console, new_provider
from mlops_ci.errors import InfrastructureError, MissingError, UsageError
from mlops_ci.notifying.channels import open_channels, variables
from mlops_ci.notifying.event import Event, Kind, Trouble
from mlops_ci.records.codec import to_json
from mlops_ci.run.clock import now, stamp
from mlops_ci.run.run import open_run, run_ids
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.settings import Settings
from mlops_ci.stages.addresses import ca_bundle
from mlops_ci.stages.events import line_of
from mlops_ci.stages.hidden import hide_addresses
from mlops_ci.stages.telling import Telling, store_of, tell

TITLES: dict[str, str] = {
    "failure": "a run failed",
    "recovery": "runs end well again",
    "promotion": "a model is the new champion",
    "approval": "a promotion waits for a person",
    "missed-run": "a scheduled run did not happen",
    "decay": "the champion is worse on fresh data",
    "test": "this is how you will be told",
}


class NoChannelError(UsageError):
    """No channel is configured in `[notify]`."""


def notify(
    options: Options,
    kind: str,
    *,
    texts: dict[str, str],
    facts: Sequence[str],
    ends: Sequence[str],
    dry_run: bool,
) -> int:
    """Tell it; exit code 10 when a channel could not be reached, 3 when one has no address here."""
    settings = load_settings(options)
    if not variables(settings.tables.notify):
        raise NoChannelError(
            "[notify] names no channel: nobody can be told",
            hint="set slack, teams, webhook or email to the name of the variable that holds the address",
        )
    provider = new_provider()
    console = new_console(verbose=options.verbose, provider=provider)
    hide_addresses(settings, os.environ, console.redactor)
    event = _event(settings, options, kind, texts, facts, ends)
    if dry_run:
        shown = json.dumps(_messages(settings, event.cleaned(console.redactor)), indent=2, ensure_ascii=False)
        click.echo(console.redactor.clean(shown))
        return 0
    telling = tell([event], settings, console=console, environ=os.environ, open_store=store_of(settings))
    for warning in telling.warnings:
        console.annotate("warning", "notify", warning)
    if options.json:
        click.echo(json.dumps(to_json(telling), indent=2))
    return _exit_code(telling)


def _exit_code(telling: Telling) -> int:
    if any(one.ending == "failed" for one in telling.notifications):
        return InfrastructureError.exit_code
    return MissingError.exit_code if telling.warnings else 0


def _event(
    settings: Settings,
    options: Options,
    kind: str,
    texts: dict[str, str],
    facts: Sequence[str],
    ends: Sequence[str],
) -> Event:
    provider = new_provider()
    given = dict(one.partition("=")[::2] for one in facts)
    title = texts.get("title") or f"{settings.name}: {TITLES[kind]}"
    link = texts.get("link") or next(iter(provider.links().values()), "")
    runs = Workspace(root=settings.root).runs
    run = open_run(runs, options.run) if options.run and run_ids(runs) else None
    return Event(
        kind=cast("Kind", kind),
        line=line_of(settings, provider.branch()),
        title=title,
        reason=texts.get("reason", ""),
        next_step=texts.get("next_step", ""),
        link=link,
        run=run.id if run is not None else "",
        commit=(run.info.lineage.commit or "") if run is not None else "",
        cause=texts.get("cause") or texts.get("reason") or title,
        facts=given,
        ends=tuple(cast("Trouble", one) for one in ends) or ("failure", "missed-run", "decay"),
        at=stamp(now()),
    )


def _messages(settings: Settings, event: Event) -> dict[str, object]:
    """What each channel would get. Channels without an address here are shown too: their messages are no secret."""
    notify = settings.tables.notify
    placeholders = {
        variable: "smtp://mail.invalid" if name == "email" else "https://hook.invalid/"
        for name, variable in variables(notify).items()
    }
    opened = open_channels(notify, placeholders, root=settings.root, bundle=ca_bundle(settings))
    return {channel.name: channel.message(event) for channel in opened.channels}
