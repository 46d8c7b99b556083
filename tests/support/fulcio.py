"""A certificate authority that answers like Fulcio, and GitHub's source of identity tokens, on loopback.

It believes every token. Source: sigstore/fulcio, `pkg/api/client.go` (version 1 of its API) and `docs/oid-info.md`.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from support.registry_stub import Answer, Question, stub_registry

ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
PEM = serialization.Encoding.PEM


@dataclass
class Authority:
    """`host` is HOST:PORT; `tokens` are those that it was shown, `asked` for whom a token was to be made out."""

    folder: Path
    host: str = ""
    tokens: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def root(self) -> Path:
        return self.folder / "root.pem"

    @property
    def environment(self) -> dict[str, str]:
        """What tells `cosign` to ask here, and nobody else: there is no log of certificates and signatures."""
        return {
            "COSIGN_FULCIO_URL": f"http://{self.host}",
            "SIGSTORE_ROOT_FILE": str(self.root),
            "COSIGN_INSECURE_SKIP_VERIFY": "true",
            "COSIGN_INSECURE_IGNORE_SCT": "true",
            "COSIGN_INSECURE_IGNORE_TLOG": "true",
            "COSIGN_TLOG_UPLOAD": "false",
        }

    @property
    def github(self) -> dict[str, str]:
        """What a job at GitHub has that may ask for an identity."""
        return {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://{self.host}/token?a=b",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "the job's own",
        }

    def certificate(self, request: str) -> bytes:
        """The chain for a request: the identity is that of the token which came with it."""
        claims = json.loads(_decoded(self.tokens[-1].split(".")[1]))
        public = base64.b64decode(json.loads(request)["publicKey"]["content"])
        key = serialization.load_pem_public_key(public)
        leaf = (
            self._begun(key)
            .subject_name(x509.Name([]))
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(claims["sub"])]), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.UnrecognizedExtension(ISSUER, claims["iss"].encode()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return leaf.public_bytes(PEM) + self.root.read_bytes()

    def write_root(self) -> None:
        root = (
            self._begun(self._key.public_key())
            .subject_name(_name())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.root.write_bytes(root.public_bytes(PEM))

    def _begun(self, key: object) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .issuer_name(_name())
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(minutes=1))
            .not_valid_after(now + dt.timedelta(minutes=10))
        )


def token(subject: str, issuer: str) -> str:
    """A token as a CI system writes it; nobody here looks at its signature."""
    later = int(dt.datetime.now(dt.UTC).timestamp()) + 600
    claims = {"sub": subject, "iss": issuer, "aud": "sigstore", "exp": later, "iat": later - 600}
    parts = ({"alg": "RS256", "typ": "JWT"}, claims)
    return ".".join([*(_encoded(json.dumps(one).encode()) for one in parts), _encoded(b"signature")])


@contextmanager
def authority(folder: Path, subject: str, issuer: str) -> Iterator[Authority]:
    """The authority for the time of a `with` block; GitHub's tokens are about this subject."""
    made = Authority(folder)
    made.write_root()

    def answer(question: Question) -> Answer:
        if question.path.startswith("/token"):
            made.asked.append(question.path.partition("audience=")[2])
            return Answer(body=json.dumps({"value": token(subject, issuer)}).encode())
        made.tokens.append(question.authorization.removeprefix("Bearer "))
        return Answer(status=201, body=made.certificate(question.body))

    with stub_registry(answer) as stub:
        made.host = stub.host
        yield made


def _name() -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a stand-in")])


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
