"""`mlops-ci comment`: one comment on the pull request or merge request, updated in place. Never a failure."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

import click

from mlops_ci.commands.options import Options, load_settings
from mlops_ci.commands.voice import new_console, new_provider
from mlops_ci.console import Console
from mlops_ci.errors import MissingError, MlopsError
from mlops_ci.providers.base import Provider
from mlops_ci.providers.comment import Comments, Posted, mark, post
from mlops_ci.providers.github_comments import TOKEN, github_comments
from mlops_ci.providers.gitlab_notes import gitlab_notes
from mlops_ci.reporting.comment import comment as comment_text
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.redacted import redacted
from mlops_ci.run.run import Run, open_run, run_ids
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.settings import Settings
from mlops_ci.stages.addresses import ca_bundle
from mlops_ci.stages.events import config_name
from mlops_ci.stages.hidden import hide_addresses
from mlops_ci.web import Web, in_time

# For all requests together; the rate limits of a server count in it.
SECONDS = 180.0


class CommentTokenError(MissingError):
    """The token that writes comments is not in the environment."""


class CommentSlowError(MissingError):
    """The server did not take the comment in time."""


@dataclass(frozen=True, kw_only=True)
class Nothing:
    """Why nothing is posted, which is no fault."""

    why: str


def comment(options: Options, *, optional: bool = False) -> int:
    """Post it, or say why not; always 0, since a comment must never fail the pipeline that it reports on.

    An `optional` comment without a token is nothing to warn of.
    """
    console = new_console(verbose=options.verbose)
    action, url, why = "nothing", "", ""
    try:
        provider = new_provider()
        found = _comment(options, provider, console)
    except MlopsError as error:
        optional = optional and isinstance(error, CommentTokenError)
        action, why = (
            "nothing" if optional else "failed",
            f"{error.cause} ({error.hint})" if error.hint else error.cause,
        )
    except Exception as error:  # noqa: BLE001  # a bug here must not fail the pipeline either
        action, why = "failed", f"{type(error).__name__}, a bug of mlops-ci"
    else:
        if isinstance(found, Nothing):
            why = found.why
        else:
            action, url = found.action, found.url
    if action == "failed":
        console.annotate("warning", "comment", f"no comment: {why}")
    else:
        console.say(f"comment: {action} {url or why}".rstrip())
    if options.json:
        click.echo(console.redactor.clean(json.dumps({"action": action, "url": url, "why": why})))
    return 0


def _comment(options: Options, provider: Provider, console: Console) -> Posted | Nothing:
    settings = load_settings(options)
    hide_addresses(settings, os.environ, console.redactor)
    run = _run(settings, options)
    number = provider.change()
    if run is None or number is None or (nothing := _nothing(settings, provider, run)):
        why = "there is no run" if run is None else "this is no pull request" if number is None else nothing
        return Nothing(why=why)
    comments = _comments(settings, provider, number)
    data = redacted(ReportData.read(run.folder), console.redactor.clean)
    text = comment_text(data, provider.links() or run.info.links)
    mine = mark(settings.name, config_name(settings))
    ended = in_time(SECONDS, {"comment": lambda: post(comments, mine, run.id, text)})["comment"]
    if ended.error is not None:
        raise ended.error
    if ended.value is None:
        raise CommentSlowError(f"the comment was not taken within {SECONDS:.0f} s", hint="the next run writes it")
    return ended.value


def _run(settings: Settings, options: Options) -> Run | None:
    runs = Workspace(root=settings.root).runs
    return open_run(runs, options.run or "latest") if run_ids(runs) else None


def _nothing(settings: Settings, provider: Provider, run: Run) -> str:
    """Why this run may not write a comment; empty when it may."""
    if not settings.tables.notify.comment:
        return "[notify] comment is false"
    trusted, why = provider.trusted()
    plan = run.record("plan")
    if not trusted or (plan is not None and plan.outputs.get("trusted") is False):
        return f"not trusted ({why})"
    return ""


def _comments(settings: Settings, provider: Provider, number: int) -> Comments:
    notify = settings.tables.notify
    web = Web(ca_bundle=ca_bundle(settings), timeout=notify.timeout)
    github = provider.name == "github"
    name = TOKEN if github else notify.gitlab_token
    token = os.environ.get(name, "").strip()
    if not token:
        raise CommentTokenError(
            f"the environment variable {name} is not set",
            hint="hand the job's token to this step, and give the job `pull-requests: write`"
            if github
            else "a project access token with the scope `api`: GitLab's job token may not write notes",
        )
    return (github_comments if github else gitlab_notes)(os.environ, number, token, web)
