"""Signatures of published models: made in publish, asked for before one is promoted, restored, fetched or loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mlops_ci.console import Console
from mlops_ci.errors import MissingError
from mlops_ci.files import write_atomic, write_json
from mlops_ci.publishing.manifest import MODEL_FILES, SIGNATURE, decode, manifest_bytes, unsigned
from mlops_ci.settings.settings import Settings
from mlops_ci.settings.signing import SigningSettings
from mlops_ci.signing import bundle, models
from mlops_ci.signing.errors import SignatureUncheckedError, UnsignedModelError
from mlops_ci.signing.models import Signed
from mlops_ci.stages.session import Session
from mlops_ci.stages.signed import trusted_key
from mlops_ci.stages.signers import KeySigner, Signer, by_key, program, signer
from mlops_ci.stores.base import Store
from mlops_ci.stores.errors import ObjectMissingError


class CannotSignModelError(MissingError):
    """A model would be published without the signature that everybody who loads it asks for."""


@dataclass(frozen=True, kw_only=True)
class Asker:
    """Who asks whose signature a model has."""

    settings: Settings
    environ: Mapping[str, str]
    console: Console

    @property
    def rule(self) -> SigningSettings:
        """What the settings say of signatures."""
        return self.settings.tables.signing

    def asks(self) -> bool:
        """Whether a signature is looked at; raises where one is demanded and could be nobody's."""
        named = self.rule.public_key is not None or (self.rule.identity is not None and self.rule.issuer is not None)
        if self.rule.models == "required" and not named:
            raise SignatureUncheckedError(
                "[signing] models is `required`, and nobody is named whose signature counts",
                hint="set [signing] public-key, or identity and issuer",
            )
        return named and self.rule.models != "never"

    def of_store(self, store: Store, key: str, *, sha256: str | None = None) -> str | None:
        """Whose signature the model of a manifest has; None where none is asked for. Raises `UnsignedModelError`."""
        if not self.asks():
            return None
        data = manifest_bytes(store, key, sha256=sha256)
        file = next((one for one in decode(data, key).files if one.name == SIGNATURE), None)
        if file is None:
            return self.of_files(data, None)
        try:
            signature = store.get_bytes(file.key)
        except ObjectMissingError as error:
            raise _refused(data, "its signature is gone from the store") from error
        if hashlib.sha256(signature).hexdigest() != file.sha256:
            raise _refused(data, "its signature was changed")
        return self.of_files(data, signature)

    def of_files(self, manifest: bytes, signature: bytes | None) -> str | None:
        """The same of what is at hand."""
        what = what_is_signed(manifest)
        if signature is None:
            self.absent(what.model, _run(manifest))
            return None
        held = bundle.read(signature)
        if held is not None and held.by_identity and self.rule.identity is not None:
            found, whose = self._of_identity(signature, what), f"identity {self.rule.identity}"
        else:
            if self.rule.public_key is None:
                raise _refused(manifest, "a key signed it, and a signature of an identity is asked for")
            key = trusted_key(self.settings, self.environ)
            found, whose = models.problem(signature, what, key), by_key(key)
        if found is not None:
            raise _refused(manifest, found)
        self.console.say(f"signature of {what.model}: valid, of {whose}")
        return whose

    def absent(self, model: str, which: str) -> None:
        """There is no signature: raises `UnsignedModelError` where one is demanded, else says so."""
        if self.rule.models == "required":
            raise _error(model, which, "it is not signed")
        self.console.say(f"{model} ({which}): what was published is not signed")

    def _of_identity(self, signature: bytes, what: Signed) -> str | None:
        if (said := models.problem(signature, what, None)) is not None:
            return said
        with TemporaryDirectory(prefix="mlops-ci-") as folder:
            blob, held = Path(folder) / what.model, Path(folder) / "bundle.json"
            blob.write_bytes(what.digests)
            held.write_bytes(signature)
            who = {"identity": self.rule.identity or "", "issuer": self.rule.issuer or ""}
            return program(self.environ, self.console).verify_blob(blob, models.MODEL, held, **who)


def asker(session: Session) -> Asker:
    """Asks for this run."""
    return Asker(settings=session.settings, environ=session.environ, console=session.console)


def what_is_signed(manifest: bytes) -> Signed:
    """What a signature speaks of: the files of the model, and the rest of the manifest."""
    found = decode(manifest, "the manifest")
    files = {one.name: one.sha256 for one in found.files if one.name.startswith(MODEL_FILES)}
    return Signed(
        model=found.model,
        files={name.removeprefix(MODEL_FILES): sha256 for name, sha256 in files.items()},
        manifest=hashlib.sha256(unsigned(manifest)).hexdigest(),
    )


@dataclass
class Signing:
    """Signs what this run publishes; `by` says afterwards who did."""

    session: Session
    by: str | None = None

    def __call__(self, manifest: bytes) -> Path | None:
        """The file with the signature; None where nobody signs. It is kept: the next try publishes the very same."""
        who = _signer(self.session)
        if who is None:
            return None
        what, target = what_is_signed(manifest), self.session.run.path("publish", SIGNATURE)
        key = who.key.public if isinstance(who, KeySigner) else None
        if not target.is_file() or models.problem(target.read_bytes(), what, key) is not None:
            _write(who, what, target)
        self.by = who.by
        self.session.console.say(f"the model is signed by {who.by}")
        return target


def _signer(session: Session) -> Signer | None:
    rule = session.settings.tables.signing
    who = signer(session.settings, session.environ, session.console) if rule.models != "never" else None
    if who is None or isinstance(who, str):
        if rule.models == "required":
            raise CannotSignModelError(
                f"the model cannot be signed here, and must be: {who or 'nobody is named who signs'}",
                hint="set [signing] key (or keyless), and give this job the key: see signing in the documentation",
            )
        if who:
            session.console.say(f"the model is published without a signature: {who}")
        return None
    return who


def _write(who: Signer, what: Signed, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    if isinstance(who, KeySigner):
        write_atomic(target, models.sign(what, who.key))
        return
    with TemporaryDirectory(prefix="mlops-ci-") as folder:
        blob, predicate, made = (Path(folder) / name for name in (what.model, "predicate.json", "bundle.json"))
        blob.write_bytes(what.digests)
        write_json(predicate, what.predicate)
        who.program.sign_blob(blob, models.MODEL, predicate, made)
        write_atomic(target, made.read_bytes())


def _refused(manifest: bytes, why: str) -> UnsignedModelError:
    return _error(decode(manifest, "the manifest").model, _run(manifest), why)


def _run(manifest: bytes) -> str:
    return f"run {decode(manifest, 'the manifest').lineage.get('run', 'unknown')}"


def _error(model: str, which: str, why: str) -> UnsignedModelError:
    return UnsignedModelError(
        f"{model} ({which}) has no valid signature: {why}",
        hint="do not load it before you know who wrote into the store; then publish it again where the key is",
    )
