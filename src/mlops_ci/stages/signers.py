"""Who signs on this machine: a key that the settings name, or the identity of the CI job."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.console import Console
from mlops_ci.files import write_json
from mlops_ci.images.lookup import configured_ca_bundle
from mlops_ci.registry.signatures import ATTESTED, Signatures, decoded
from mlops_ci.settings.settings import Settings
from mlops_ci.signing import bundle, keyless, payload, statement, verdict
from mlops_ci.signing.keyless import Keyless
from mlops_ci.signing.keys import PrivateKey, PublicKey, private_key
from mlops_ci.signing.named import VARIABLE, named, password
from mlops_ci.signing.verdict import Simple, Verdict

# What cosign calls these predicates.
COSIGN_TYPES = {statement.PROVENANCE: "slsaprovenance1", statement.CYCLONEDX: "cyclonedx"}


@dataclass(frozen=True, kw_only=True)
class KeySigner:
    """Signs with a key, in all the forms that cosign and other verifiers look for."""

    key: PrivateKey
    registry: Signatures

    @property
    def by(self) -> str:
        """Who signs, in words."""
        return by_key(self.key.public)

    def sign(self, image: str) -> bool:
        """Sign the image (`repository@digest`) unless it has this key's signature already; whether it was signed."""
        repository, _, digest = image.partition("@")
        found = signatures(self.registry, image, self.key.public)
        if not found.tagged.valid:
            data = payload.payload(repository, digest)
            said = {payload.SIGNATURE: base64.b64encode(self.key.sign(data)).decode()}
            self.registry.keep_tagged(image, data, kind=payload.MEDIA_TYPE, annotations=said)
        if not found.bundled.valid:
            self._keep(image, statement.statement(repository, digest, statement.SIGNED, {}), statement.SIGNED)
        return not (found.tagged.valid and found.bundled.valid)

    def attest(self, image: str, kind: str, predicate: Mapping[str, Any], work: Path) -> None:  # noqa: ARG002
        """Sign what is said of an image (its provenance, its SBOM) and keep it beside the image."""
        repository, _, digest = image.partition("@")
        said = statement.statement(repository, digest, kind, predicate)
        made = self._keep(image, said, kind)
        notes = {payload.SIGNATURE: "", "predicateType": kind}
        held = bundle.envelope(made)
        self.registry.keep_tagged(image, held, kind=bundle.ENVELOPE_TYPE, annotations=notes, suffix=ATTESTED)

    def _keep(self, image: str, said: bytes, kind: str) -> bytes:
        made = bundle.bundle(said, self.key)
        self.registry.attach(image, made, kind=bundle.MEDIA_TYPE, annotations=bundle.notes(kind))
        return made


@dataclass(frozen=True, kw_only=True)
class JobSigner:
    """Signs as the CI job that this is, with `cosign`."""

    program: Keyless
    by: str

    def sign(self, image: str) -> bool:
        """Sign the image; each time anew."""
        self.program.sign(image)
        return True

    def attest(self, image: str, kind: str, predicate: Mapping[str, Any], work: Path) -> None:
        """Sign what is said of an image and keep it beside the image; `work` is a file that cosign reads it from."""
        write_json(work, dict(predicate))
        self.program.attest(image, COSIGN_TYPES[kind], work)
        work.unlink(missing_ok=True)


Signer = KeySigner | JobSigner


@dataclass(frozen=True, kw_only=True)
class Found:
    """What lies beside an image, in both places where signatures are looked for."""

    bundled: Verdict
    tagged: Verdict

    @property
    def verdict(self) -> Verdict:
        """One of them is enough."""
        return verdict.together(self.bundled, self.tagged)


def signatures(registry: Signatures, image: str, key: PublicKey) -> Found:
    """Whether an image of a registry has signatures of the key."""
    digest = image.partition("@")[2]
    bundles = registry.files(image, kind=bundle.MEDIA_TYPE)
    simple = [
        Simple(payload=data, signature=decoded(text))
        for data, text in registry.tagged(image, annotation=payload.SIGNATURE)
    ]
    return Found(
        bundled=verdict.of_bundles(bundles, key, digest, statement.SIGNED),
        tagged=verdict.of_simple(simple, key, digest),
    )


def signer(settings: Settings, environ: Mapping[str, str], console: Console) -> Signer | str | None:
    """Who signs here; None when nobody is to, and a text that says why when somebody is and cannot."""
    signing = settings.tables.signing
    if signing.keyless:
        return _job(settings, environ, console)
    if signing.key is None:
        return None
    text = named(signing.key, settings.root, environ)
    if text is None:
        kind = "the variable" if signing.key.startswith(VARIABLE) else "the file"
        return f"{kind} {signing.key.removeprefix(VARIABLE)} of [signing] key is not there"
    secret = password(signing.password, settings.root, environ)
    for line in (*text.splitlines(), secret.decode(errors="replace")):
        if line.strip() and not line.startswith("-----"):
            console.secret(line)
    key = private_key(text, secret)
    return KeySigner(key=key, registry=open_registry(settings))


def by_key(key: PublicKey) -> str:
    """A key in words."""
    return f"key {key.id}"


def open_registry(settings: Settings) -> Signatures:
    """The client of registries, for signatures."""
    return Signatures(ca_bundle=configured_ca_bundle(settings))


def program(environ: Mapping[str, str], console: Console) -> Keyless:
    """`cosign`, with this environment."""
    return Keyless(environ=environ, redactor=console.redactor)


def _job(settings: Settings, environ: Mapping[str, str], console: Console) -> JobSigner | str:
    from mlops_ci.providers.github_identity import TOKEN, URL, identity_token

    token = environ.get(keyless.TOKEN)
    if not token and environ.get(URL) and environ.get(TOKEN):
        token = identity_token(environ, keyless.AUDIENCE, bundle=configured_ca_bundle(settings))
    if not token:
        return "this process has no identity to sign with (on GitHub `id-token: write`, on GitLab `id_tokens`)"
    console.secret(token)
    return JobSigner(program=program({**environ, keyless.TOKEN: token}, console), by=f"identity {_named_in(token)}")


def _named_in(token: str) -> str:
    """Whom a token (JWT) is about, for people: nobody is trusted for it."""
    try:
        middle = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
        return f"{claims['sub']} ({claims['iss']})"
    except (ValueError, KeyError, IndexError, TypeError):
        return "of this job"
