"""E-mail by SMTP."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mlops_ci.errors import UsageError
from mlops_ci.network import RetryPolicy, ca_bundle, is_loopback, retry
from mlops_ci.notifying.event import Event
from mlops_ci.notifying.template import fill
from mlops_ci.web import POLICY, ServiceRefusedError, ServiceUnreachableError

PORTS = {"smtp": 587, "smtps": 465}


class MailAddressError(UsageError):
    """The mail server's address is none."""


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """`smtps` speaks TLS from the first byte on, `smtp` begins it by STARTTLS."""

    scheme: str
    host: str
    port: int
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


def mail_server(url: str) -> MailServer:
    """The server of `smtps://user:password@host:port`. Raises `MailAddressError`, which does not show the address."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in PORTS or not host:
        raise MailAddressError(
            "the mail server's address is none", hint="write smtps://user:password@host:465, or smtp:// for STARTTLS"
        )
    return MailServer(
        scheme=parts.scheme,
        host=host,
        port=port or PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


@dataclass(frozen=True, kw_only=True)
class MailChannel:
    """Mail to one list of people."""

    template: Any
    server: MailServer
    sender: str
    to: tuple[str, ...]
    timeout: float
    bundle: Path | None = None
    policy: RetryPolicy = POLICY
    name: str = "email"

    def message(self, event: Event) -> Any:
        """Subject and lines."""
        filled = fill(self.template, event.values)
        lines = [one["line"] if isinstance(one, dict) else str(one) for one in filled["body"]]
        return {"subject": filled["subject"], "body": lines}

    def send(self, event: Event) -> None:
        """Send it. Raises `ServiceUnreachableError` and `ServiceRefusedError`."""
        mail = self._mail(event)
        retry(
            lambda: self._once(mail),
            transient=lambda error: isinstance(error, ServiceUnreachableError),
            policy=self.policy,
        )

    def _mail(self, event: Event) -> EmailMessage:
        text = self.message(event)
        mail = EmailMessage()
        mail["Subject"] = " ".join(text["subject"].split())
        mail["From"] = self.sender
        mail["To"] = ", ".join(self.to)
        mail["Date"] = formatdate(usegmt=True)
        mail["Message-ID"] = make_msgid(domain="mlops-ci.invalid")
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content("\n".join(text["body"]) + "\n")
        return mail

    def _once(self, mail: EmailMessage) -> None:
        host = self.server.host
        hint = "check the network and the server's port"
        try:
            with self._connected() as smtp:
                refused = smtp.send_message(mail, from_addr=self.sender, to_addrs=list(self.to))
        except smtplib.SMTPAuthenticationError as error:
            raise ServiceRefusedError(
                f"{host} does not accept the login (status {error.smtp_code})", hint="user and password of the address?"
            ) from None
        except smtplib.SMTPRecipientsRefused as error:
            raise _by_code(host, max((code for code, _ in error.recipients.values()), default=550)) from None
        except smtplib.SMTPResponseException as error:
            raise _by_code(host, error.smtp_code) from None
        except ssl.SSLCertVerificationError:
            raise ServiceRefusedError(
                f"the TLS certificate of {host} is not trusted here", hint="set [mirrors] ca-bundle"
            ) from None
        except smtplib.SMTPNotSupportedError:
            raise ServiceRefusedError(
                f"{host} offers no login", hint="leave user and password out of the address, or use its TLS port"
            ) from None
        except (TimeoutError, smtplib.SMTPServerDisconnected):
            raise ServiceUnreachableError(f"{host} did not answer in time", hint=hint) from None
        except (OSError, smtplib.SMTPException):
            raise ServiceUnreachableError(f"{host} could not be reached", hint=hint) from None
        if refused:
            raise ServiceRefusedError(
                f"{host} refuses {len(refused)} of {len(self.to)} recipients", hint="[notify] email-to?"
            )

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        server = self.server
        bundle = self.bundle or ca_bundle()
        context = ssl.create_default_context(cafile=str(bundle) if bundle else None)
        if server.scheme == "smtps":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=self.timeout, context=context)
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=self.timeout)
        with smtp:
            smtp.ehlo()
            if server.scheme == "smtp" and smtp.has_extn("starttls"):
                smtp.starttls(context=context)
                smtp.ehlo()
            elif server.scheme == "smtp" and not is_loopback(server.host):
                raise ServiceRefusedError(
                    f"{server.host} offers no encryption", hint="use a server with STARTTLS, or smtps://"
                )
            if server.user:
                smtp.login(server.user, server.password)
            yield smtp


def _by_code(host: str, code: int) -> ServiceRefusedError | ServiceUnreachableError:
    """SMTP's 4xx say "later", its 5xx "never" (RFC 5321, section 4.2.1)."""
    if 400 <= code < 500:
        return ServiceUnreachableError(f"{host} cannot take mail now (status {code})", hint="try again later")
    return ServiceRefusedError(f"{host} refuses the mail (status {code})", hint="sender and recipients in [notify]?")
