"""From the settings and the environment to the channels that can be used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from mlops_ci.errors import MlopsError
from mlops_ci.notifying.event import Event
from mlops_ci.notifying.mail import MailChannel, mail_server
from mlops_ci.notifying.posted import PostedChannel, slack_escape, teams_escape
from mlops_ci.notifying.template import Escape, built_in, read
from mlops_ci.redaction import Redactor
from mlops_ci.settings.notify import NotifySettings
from mlops_ci.web import Web

# A channel that asks for more patience than this gets its message another time.
LONGEST_WAIT = 15.0
# A part of an address that is shorter is a word like `services`, not what makes it secret.
TELLING = 12


class Channel(Protocol):
    """A way to reach people."""

    @property
    def name(self) -> str:
        """slack, teams, webhook or email."""

    def message(self, event: Event) -> Any:
        """What would be sent, as JSON."""

    def send(self, event: Event) -> None:
        """Send it; raises an error of `mlops_ci.errors`."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """The channels that can be used, and for each other one that is configured, why it can't."""

    channels: tuple[Channel, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)


def variables(settings: NotifySettings) -> dict[str, str]:
    """Channel to the variable that holds its address, for those that are configured."""
    named = {
        "slack": settings.slack,
        "teams": settings.teams,
        "webhook": settings.webhook,
        "email": settings.email,
    }
    return {name: variable for name, variable in named.items() if variable is not None}


def hide(settings: NotifySettings, environ: Mapping[str, str], redactor: Redactor) -> None:
    """Make every secret of the channels, and each part by which it could be used, unreadable from now on."""
    names = [*variables(settings).values(), settings.webhook_key or "", settings.gitlab_token]
    for value in (environ.get(name, "") for name in names):
        for part in _parts(value):
            redactor.add(part)


def _parts(value: str) -> Iterator[str]:
    """The address itself, and what of it alone is as good as the whole."""
    yield value
    try:
        parts = urlsplit(value)
    except ValueError:
        return
    if parts.scheme and parts.netloc:
        yield unquote(parts.password or "")
        yield from (one for one in (parts.path, parts.query, *parts.path.split("/")) if len(one) >= TELLING)


def open_channels(settings: NotifySettings, environ: Mapping[str, str], *, root: Path, bundle: Path | None) -> Opened:
    """What can be used now. A variable that is not set is a problem to tell, not an error."""
    channels: list[Channel] = []
    problems: dict[str, str] = {}
    for name, variable in variables(settings).items():
        address = environ.get(variable, "").strip()
        if not address:
            problems[name] = f"the environment variable {variable} is not set"
            continue
        try:
            channels.append(_channel(name, address, settings, environ, root, bundle))
        except MlopsError as error:
            problems[name] = f"{variable}: {error.cause}; {error.hint}"
        except (OSError, ValueError):
            problems[name] = f"its template {settings.webhook_template} cannot be read as JSON"
    return Opened(channels=tuple(channels), problems=problems)


def _channel(
    name: str,
    address: str,
    settings: NotifySettings,
    environ: Mapping[str, str],
    root: Path,
    bundle: Path | None,
) -> Channel:
    if name == "email":
        return MailChannel(
            template=built_in("email"),
            server=mail_server(address),
            sender=settings.email_from or settings.email_to[0],
            to=settings.email_to,
            timeout=settings.timeout,
            bundle=bundle,
        )
    escapes: dict[str, Escape] = {"slack": slack_escape, "teams": teams_escape}
    own = settings.webhook_template if name == "webhook" else None
    return PostedChannel(
        name=name,
        template=read(root / own) if own else built_in(name),
        web=Web(ca_bundle=bundle, timeout=settings.timeout, longest_wait=LONGEST_WAIT),
        url=address,
        key=environ.get(settings.webhook_key, "") if name == "webhook" and settings.webhook_key else "",
        escape=escapes.get(name, str),
    )
