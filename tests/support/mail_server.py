"""A small mail server on loopback that speaks ESMTP (RFC 5321), with STARTTLS or TLS, and a login."""

from __future__ import annotations

import base64
import datetime as dt
import email
import ipaddress
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from support.serving import serving


@dataclass
class MailServer:
    """`mails` are what was taken. `logins` are the passwords by user; none: everybody may send.

    `says` replaces the answer to a command (`RCPT`, `DATA`, `AUTH` ...); an empty one hangs until the end.
    """

    tls: str = ""
    certificate: Path | None = None
    logins: dict[str, str] = field(default_factory=dict)
    says: dict[str, list[str]] = field(default_factory=dict)
    mails: list[EmailMessage] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    port: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        assert self.certificate is not None
        context.load_cert_chain(self.certificate)
        return context


class _Session(socketserver.StreamRequestHandler):
    mail: MailServer

    def handle(self) -> None:
        if self.mail.tls == "always":
            self._encrypt()
        self._say("220 mail.test ready")
        while line := self.rfile.readline():
            command, _, rest = line.decode().strip().partition(" ")
            command = command.upper()
            self.mail.commands.append(command)
            if answers := self.mail.says.get(command):
                answer = answers.pop(0)
                if not answer:
                    self.mail.released.wait(60)
                    return
                self._say(answer)
            elif not self._obey(command, rest):
                return

    def _obey(self, command: str, rest: str) -> bool:
        if command == "EHLO":
            offers = ["mail.test"] + (["STARTTLS"] if self.mail.tls == "starttls" and not self._encrypted else [])
            offers += ["AUTH PLAIN"] if self.mail.logins else []
            for offer in offers[:-1]:
                self._say(f"250-{offer}")
            self._say(f"250 {offers[-1]}")
        elif command == "STARTTLS":
            self._say("220 go ahead")
            self._encrypt()
        elif command == "AUTH":
            _, user, password = base64.b64decode(rest.split()[1]).decode().split("\0")
            good = self.mail.logins.get(user) == password
            self._say("235 welcome" if good else "535 5.7.8 bad credentials for " + user)
        elif command == "DATA":
            self._say("354 go on")
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line)
            self.mail.mails.append(email.message_from_bytes(b"".join(lines), policy=default))
            self._say("250 taken")
        else:
            self._say("221 bye" if command == "QUIT" else "250 fine")
        return command != "QUIT"

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def _encrypt(self) -> None:
        self.connection = self.mail.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)

    @property
    def _encrypted(self) -> bool:
        return isinstance(self.connection, ssl.SSLSocket)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_: object) -> None:
        """A client that does not trust the certificate goes away: no fault of the server."""


@contextmanager
def mail_server(mail: MailServer) -> Iterator[MailServer]:
    """The server for the time of a `with` block."""
    handler = type("Session", (_Session,), {"mail": mail})
    server = _Server(("127.0.0.1", 0), handler)
    mail.port = server.server_address[1]
    with serving(server):
        try:
            yield mail
        finally:
            mail.released.set()


def make_certificate(folder: Path) -> Path:
    """Key and self-signed certificate of 127.0.0.1 in one file, which is also the CA bundle that trusts it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "mail.pem"
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
