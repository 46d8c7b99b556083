"""The table `[notify]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from mlops_ci.settings.marks import Example, Form
from mlops_ci.settings.table import Table
from mlops_ci.settings.units import Duration
from mlops_ci.settings.words import Text, Variable

Kind = Literal["failure", "recovery", "promotion", "approval", "missed-run", "decay"]
Mailbox = Annotated[str, Form(r"^[^\s@<>,;]+@[^\s@<>,;]+$", "a mail address such as team@example.com")]


@dataclass(frozen=True, kw_only=True)
class NotifySettings(Table):
    """Who is told what. A channel's address is a secret: name the environment variable that holds it."""

    on: tuple[Kind, ...] = ("failure", "recovery", "promotion", "approval", "missed-run", "decay")
    """What is told: a run failed, runs end well again, a model became the champion, a promotion waits for a person, a
    nightly run did not happen, the champion became worse on fresh data."""
    slack: Annotated[Variable | None, Example("SLACK_WEBHOOK_URL")] = None
    """Variable with the address of a Slack incoming webhook."""
    teams: Annotated[Variable | None, Example("TEAMS_WEBHOOK_URL")] = None
    """Variable with the address of a Microsoft Teams workflow ("When a Teams webhook request is received")."""
    webhook: Annotated[Variable | None, Example("NOTIFY_WEBHOOK_URL")] = None
    """Variable with the address of any other service that takes JSON by POST."""
    webhook_key: Annotated[Variable | None, Example("NOTIFY_WEBHOOK_KEY")] = None
    """Variable with a key: the webhook's body is signed with it (HMAC-SHA256, header `X-Mlops-Ci-Signature`)."""
    webhook_template: Annotated[Text | None, Example("notify.json")] = None
    """A JSON file, relative to this file, to send to `webhook` instead of the built-in one."""
    email: Annotated[Variable | None, Example("NOTIFY_SMTP_URL")] = None
    """Variable with the mail server: `smtps://user:password@host`, or `smtp://` for STARTTLS."""
    email_to: tuple[Mailbox, ...] = ()
    """Who gets the mail."""
    email_from: Annotated[Mailbox | None, Example("mlops-ci@example.com")] = None
    """Its sender. Default: the first of `email-to`."""
    repeat: Duration = Duration(86400)
    """How long the same failure of the same cause is not told again."""
    pull_requests: bool = False
    """Whether runs for pull requests and merge requests are told too; they have their comment."""
    timeout: Duration = Duration(10)
    """Limit for each attempt to reach a channel."""
    comment: bool = True
    """Whether `mlops-ci comment` writes to the pull request or merge request."""
    gitlab_token: Variable = "MLOPS_GITLAB_TOKEN"  # noqa: S105  # a name
    """Variable with a project access token that may write notes (scope `api`): a job's own token may not."""
