"""Messages to real servers on loopback: what arrives, and what happens when the other side is in trouble."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_ci.errors import MlopsError
from mlops_ci.network import RetryPolicy
from mlops_ci.notifying.channels import hide, open_channels
from mlops_ci.notifying.event import Event, Line
from mlops_ci.notifying.mail import MailChannel, mail_server
from mlops_ci.notifying.posted import PostedChannel
from mlops_ci.notifying.template import built_in
from mlops_ci.redaction import Redactor
from mlops_ci.settings.notify import NotifySettings
from mlops_ci.web import ServiceRefusedError, ServiceUnreachableError, Web, in_time
from support import mail_server as mail_support
from support.mail_server import MailServer, make_certificate
from support.web_server import Reply, Request, WebServer, web_server

SECRET = "/services/T0001/B0002/uDeepSecretOfTheChannel"
QUICK = RetryPolicy(attempts=3, first_wait=0.01, longest_wait=0.02)
EVENT = Event(
    kind="failure",
    line=Line(project="digits", mode="nightly", branch="main"),
    title="digits: train failed <!channel> & more",
    at="2026-01-02T03:04:05.000Z",
    reason="loss is nan [here](https://evil.invalid)",
    next_step="a lower learning rate",
    link="https://git.example/runs/8123",
    run="20260102-030405-aaaaaa",
    commit="c" * 40,
    facts={"stage": "train"},
)


@pytest.fixture
def hook() -> Iterator[WebServer]:
    with web_server(lambda _: Reply(body=b"ok")) as server:
        yield server


def channel(server: WebServer, name: str, *, timeout: float = 5.0, key: str = "") -> PostedChannel:
    settings = NotifySettings(slack="URL", teams="URL", webhook="URL", webhook_key="KEY" if key else None)
    environ = {"URL": server.url + SECRET, "KEY": key}
    opened = open_channels(settings, environ, root=Path(), bundle=None)
    found = next(one for one in opened.channels if one.name == name)
    assert isinstance(found, PostedChannel)
    found.web.timeout, found.web.policy = timeout, QUICK
    return found


@pytest.mark.parametrize("name", ["slack", "teams", "webhook"])
def test_what_arrives(hook: WebServer, name: str) -> None:
    channel(hook, name).send(EVENT.cleaned(Redactor()))
    (request,) = hook.requests
    assert (request.method, request.path) == ("POST", SECRET)
    assert request.headers["content-type"] == "application/json"
    text = json.dumps(request.json, ensure_ascii=False)
    for part in ("train failed", "loss is nan", "a lower learning rate", "https://git.example/runs/8123", "nightly"):
        assert part in text
    if name == "slack":
        assert "<!channel>" not in text
        assert "&lt;!channel&gt; &amp; more" in request.json["text"]
    if name == "teams":
        assert "[here](" not in text
        assert request.json["attachments"][0]["contentType"] == "application/vnd.microsoft.card.adaptive"
    if name == "webhook":
        assert request.json["kind"] == "failure"
        assert request.json["facts"] == {"stage": "train"}
        assert request.json["id"] == request.headers["idempotency-key"]


def test_a_webhook_is_signed_over_its_very_bytes(hook: WebServer) -> None:
    channel(hook, "webhook", key="the-signing-key").send(EVENT)
    (request,) = hook.requests
    expected = hmac.new(b"the-signing-key", request.body, hashlib.sha256).hexdigest()
    assert request.headers["x-mlops-ci-signature"] == f"sha256={expected}"


def failing(replies: list[Reply]):
    def answer(_: Request) -> Reply:
        return replies.pop(0) if replies else Reply(body=b"ok")

    return answer


@pytest.mark.parametrize(
    "reply", [Reply(status=500), Reply(status=429, headers={"Retry-After": "0"}), Reply(lost=True)]
)
def test_trouble_that_passes(reply: Reply) -> None:
    with web_server(failing([reply, reply])) as hook:
        channel(hook, "slack").send(EVENT)
        assert len(hook.requests) == 3


@pytest.mark.parametrize(
    ("reply", "error", "words", "requests"),
    [
        (Reply(status=404), ServiceRefusedError, "knows no such thing", 1),
        (Reply(status=403), ServiceRefusedError, "does not allow it", 1),
        (Reply(status=410), ServiceRefusedError, "is gone", 1),
        (Reply(status=400, body=b"invalid_blocks"), ServiceRefusedError, "did not accept it", 1),
        (Reply(status=307, headers={"Location": "http://127.0.0.1:9/"}), ServiceRefusedError, "did not accept it", 1),
        (Reply(status=503), ServiceUnreachableError, "failed (status 503)", 3),
        (Reply(status=429, headers={"Retry-After": "900"}), ServiceUnreachableError, "limits how often", 1),
        (Reply(silent=True), ServiceUnreachableError, "did not answer in time", 3),
    ],
)
def test_trouble_that_stays(reply: Reply, error: type[MlopsError], words: str, requests: int) -> None:
    with web_server(lambda _: reply) as hook:
        with pytest.raises(error) as caught:
            channel(hook, "slack", timeout=0.3 if reply.silent else 5).send(EVENT)
        assert words in caught.value.cause
        assert len(hook.requests) == requests
    for part in ("services", "T0001", "uDeepSecret"):
        assert part not in f"{caught.value.cause}{caught.value.hint}{caught.value!r}"
        assert part not in repr(caught.value.__cause__) + repr(channel)


def test_a_server_that_never_comes_to_an_end_is_left_behind() -> None:
    with web_server(lambda _: Reply(headers={"Content-Length": "1000000"}, drip=True)) as hook:
        one = channel(hook, "slack", timeout=5)
        begun = time.monotonic()
        ended = in_time(0.5, {"slack": lambda: one.send(EVENT)})["slack"]
        assert (ended.done, ended.error) == (False, None)
        assert time.monotonic() - begun < 2


def test_nobody_listens_and_what_is_no_address() -> None:
    for url in ("http://127.0.0.1:9" + SECRET, "https://exa mple/" + SECRET, "nonsense" + SECRET, "ftp://x" + SECRET):
        one = PostedChannel(name="slack", template=built_in("slack"), web=Web(timeout=1, policy=QUICK), url=url)
        with pytest.raises(MlopsError) as caught:
            one.send(EVENT)
        assert "uDeepSecret" not in f"{caught.value.cause}{caught.value.hint}"


def test_an_own_template(hook: WebServer, tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text('{"content": "{icon} {title}", "embeds": [{"$if": "mode", "mode": "{mode}"}]}')
    settings = NotifySettings(webhook="URL", webhook_template="own.json")
    opened = open_channels(settings, {"URL": hook.url}, root=tmp_path, bundle=None)
    opened.channels[0].send(EVENT)
    assert hook.requests[0].json == {
        "content": "❌ digits: train failed <!channel> & more",
        "embeds": [{"mode": "nightly"}],
    }


def test_a_channel_without_an_address_is_named_and_hides_nothing_else() -> None:
    settings = NotifySettings(slack="SLACK", email="SMTP", email_to=("team@example.com",))
    opened = open_channels(settings, {"SMTP": "nonsense"}, root=Path(), bundle=None)
    assert opened.channels == ()
    assert opened.problems["slack"] == "the environment variable SLACK is not set"
    assert opened.problems["email"].startswith("SMTP: the mail server's address is none")


def test_every_usable_part_of_an_address_is_hidden() -> None:
    redactor = Redactor()
    settings = NotifySettings(slack="S", email="M", webhook="W", webhook_key="K", email_to=("a@b",))
    environ = {
        "S": f"https://hooks.example{SECRET}",
        "M": "smtps://mailer:hunter%2F22@mail.example",
        "W": "https://x.example/in?sig=verysecretsignature",
        "K": "signing-key",
    }
    hide(settings, environ, redactor)
    text = f"{environ} {SECRET} uDeepSecretOfTheChannel hunter/22 hunter%2F22 sig=verysecretsignature signing-key"
    clean = redactor.clean(text)
    for secret in ("uDeepSecret", "hunter", "verysecret", "signing-key"):
        assert secret not in clean
    assert "mail.example" in redactor.clean("mail.example could not be reached")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def mail_channel(server: MailServer, *, scheme: str = "smtp", login: str = "", trust: bool = True, timeout: float = 5):
    url = f"{scheme}://{login}127.0.0.1:{server.port}"
    return MailChannel(
        template=built_in("email"),
        server=mail_server(url),
        sender="ci@example.com",
        to=("team@example.com", "boss@example.com"),
        timeout=timeout,
        bundle=server.certificate if trust else None,
        policy=QUICK,
    )


@pytest.mark.parametrize(("tls", "scheme"), [("", "smtp"), ("starttls", "smtp"), ("always", "smtps")])
def test_mail_arrives(certificate: Path, tls: str, scheme: str) -> None:
    logins = {"mailer": "hunter/22"} if tls else {}
    with mail_support.mail_server(MailServer(tls=tls, certificate=certificate, logins=logins)) as server:
        login = "mailer:hunter%2F22@" if tls else ""
        mail_channel(server, scheme=scheme, login=login).send(EVENT)
        (mail,) = server.mails
        assert ("STARTTLS" in server.commands) == (tls == "starttls")
    assert mail["To"] == "team@example.com, boss@example.com"
    assert mail["From"] == "ci@example.com"
    assert mail["Subject"] == "[digits] ❌ digits: train failed <!channel> & more"
    text = mail.get_content()
    assert "loss is nan" in text
    assert "the run: https://git.example/runs/8123" in text
    assert "stage: train" in text


@pytest.mark.parametrize(
    ("command", "answers", "error", "words"),
    [
        ("RCPT", ["550 no such user"] * 6, ServiceRefusedError, "refuses the mail (status 550)"),
        ("RCPT", ["451 later"] * 6, ServiceUnreachableError, "cannot take mail now (status 451)"),
        ("RCPT", ["250 fine", "550 no such user"], ServiceRefusedError, "refuses 1 of 2 recipients"),
        ("DATA", ["554 spam"], ServiceRefusedError, "refuses the mail (status 554)"),
        ("EHLO", ["", "", ""], ServiceUnreachableError, "did not answer in time"),
    ],
)
def test_a_mail_server_in_trouble(command: str, answers: list[str], error: type[MlopsError], words: str) -> None:
    with mail_support.mail_server(MailServer(says={command: list(answers)})) as server:
        with pytest.raises(error) as caught:
            mail_channel(server, timeout=0.3 if "" in answers else 5).send(EVENT)
    assert words in caught.value.cause


def test_a_mail_server_that_recovers() -> None:
    with mail_support.mail_server(MailServer(says={"MAIL": ["451 later", "421 busy"]})) as server:
        mail_channel(server).send(EVENT)
        assert len(server.mails) == 1


def test_a_wrong_password_is_refused_without_being_shown(certificate: Path) -> None:
    with mail_support.mail_server(MailServer(tls="always", certificate=certificate, logins={"mailer": "x"})) as server:
        with pytest.raises(ServiceRefusedError, match="does not accept the login") as caught:
            mail_channel(server, scheme="smtps", login="mailer:hunter22@").send(EVENT)
    assert "hunter22" not in f"{caught.value.cause}{caught.value.hint}"


@pytest.mark.parametrize(("tls", "scheme"), [("starttls", "smtp"), ("always", "smtps")])
def test_a_certificate_that_nobody_trusts(certificate: Path, tls: str, scheme: str) -> None:
    with mail_support.mail_server(MailServer(tls=tls, certificate=certificate)) as server:
        with pytest.raises(ServiceRefusedError, match="TLS certificate"):
            mail_channel(server, scheme=scheme, trust=False).send(EVENT)
        assert server.mails == []


def test_line_breaks_cannot_write_headers() -> None:
    with mail_support.mail_server(MailServer()) as server:
        mail_channel(server).send(Event(kind="test", line=Line(project="x\r\nBcc: a@b"), title="t\r\nBcc: c@d", at="1"))
        (mail,) = server.mails
    assert mail["Bcc"] is None


def test_nobody_takes_mail() -> None:
    with pytest.raises(ServiceUnreachableError, match="could not be reached"):
        mail_channel(MailServer(port=9), timeout=1).send(EVENT)
