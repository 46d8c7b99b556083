"""`mlops-ci images keys | sign | verify`: a pair of keys, and signatures of images in a registry."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from mlops_ci.commands.images import NotBuiltError, ask
from mlops_ci.commands.options import Options, load_settings
from mlops_ci.commands.voice import new_console, new_provider
from mlops_ci.console import Console
from mlops_ci.errors import MissingError, MlopsError, UsageError
from mlops_ci.files import write_atomic
from mlops_ci.images.lookup import configured_ca_bundle
from mlops_ci.registry.client import Registry
from mlops_ci.registry.reference import parse, repository
from mlops_ci.settings.settings import Settings
from mlops_ci.signing.errors import SignatureUncheckedError, SigningKeyMissingError
from mlops_ci.signing.keys import generate
from mlops_ci.stages import signed, signed_files, signers
from mlops_ci.stages.signing import NO_IMAGE, NOT_ALONE

PRIVATE, PUBLIC = "cosign.key", "cosign.pub"
PASSWORD = "COSIGN_PASSWORD"  # noqa: S105  # the name of a variable


class KeyExistsError(UsageError):
    """A key would be overwritten, and with it the only way to sign as before."""


class NoPasswordError(MissingError):
    """The password of a new key is not there."""


class NotInRegistryError(MissingError):
    """A command signs or verifies images, and one of them is in no registry."""


class NobodyNamedError(UsageError):
    """The settings do not say who signs, or whose signature counts."""


def keys(folder: Path) -> int:
    """Write a pair of keys as cosign does, the private one under the password in COSIGN_PASSWORD."""
    private, public = folder / PRIVATE, folder / PUBLIC
    for path in (private, public):
        if path.exists():
            raise KeyExistsError(f"{path} is there already", hint="name another folder, or move that key away")
    password = os.environ.get(PASSWORD)
    if not password:
        raise NoPasswordError(
            f"the variable {PASSWORD} with the new key's password is not set",
            hint=f"for example: export {PASSWORD}={secrets.token_urlsafe(24)}  (and keep it)",
        )
    key = generate()
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(private, key.sealed(password.encode()), mode=0o600)
    write_atomic(public, key.public.pem())
    click.echo(f"{private}: the private key, under the password; a secret of the job that builds")
    click.echo(f"{public}: the public key {key.public.id}; commit it and name it in [signing] public-key")
    return 0


def sign(options: Options, refs: Sequence[str]) -> int:
    """Sign images by their digests, or those of this engine by their ids; the project's without a name."""
    settings, console = _surroundings(options)
    who = signers.signer(settings, os.environ, console)
    if who is None:
        raise NobodyNamedError("nobody is named who signs", hint="set [signing] key or keyless in mlops.toml")
    if isinstance(who, str):
        raise SigningKeyMissingError(who, hint="see docs/signing.md")
    for one in _images(options, settings, refs):
        if one.kept is None:
            signed_now = who.sign(one.name)
        elif isinstance(who, signers.KeySigner):
            signed_files.sign(who.key, one.ref, one.digest, one.kept)
            signed_now = True
        else:
            raise _no_registry(one.ref)
        click.echo(f"{one.name}: {'signed' if signed_now else 'was signed before'} ({who.by})")
    return 0


def verify(options: Options, refs: Sequence[str]) -> int:
    """Say of each image whose signature it has; the exit code of the first that has not the one that counts."""
    settings, console = _surroundings(options)
    if settings.tables.signing.public_key is None and settings.tables.signing.identity is None:
        raise NobodyNamedError(
            "nobody is named whose signature counts",
            hint="set [signing] public-key, or identity and issuer, in mlops.toml",
        )
    rows: list[dict[str, str | int]] = []
    for one in _images(options, settings, refs):
        try:
            whose = _whose(one, settings, console)
            rows.append({"image": one.name, "exit_code": 0, "signed_by": whose, "why": ""})
        except MlopsError as error:
            rows.append({"image": one.name, "exit_code": error.exit_code, "signed_by": "", "why": error.cause})
    if options.json:
        click.echo(json.dumps(rows, indent=2))
    else:
        for row in rows:
            click.echo(f"{'✗' if row['why'] else '✓'} {row['image']}: {row['why'] or row['signed_by']}")
    return next((int(row["exit_code"]) for row in rows if row["exit_code"]), 0)


@dataclass(frozen=True, kw_only=True)
class _Image:
    """An image to sign or to verify; `kept` is the folder of its signatures where no registry has it."""

    ref: str
    digest: str
    kept: Path | None = None

    @property
    def name(self) -> str:
        """With its digest."""
        return f"{repository(self.ref)}@{self.digest}"


def _whose(one: _Image, settings: Settings, console: Console) -> str:
    if one.kept is None:
        return signed.ask(one.name, settings, os.environ, console)
    if settings.tables.signing.identity is not None:
        raise _no_registry(one.ref)
    key = signed.trusted_key(settings, os.environ)
    return signed.by_files(one.ref, one.digest, key, signed_files.found(one.kept))


def _surroundings(options: Options) -> tuple[Settings, Console]:
    provider = new_provider()
    return load_settings(options, provider), new_console(verbose=options.verbose, provider=provider)


def _images(options: Options, settings: Settings, refs: Sequence[str]) -> list[_Image]:
    """The named images, which must be in a registry; else the project's, wherever it is."""
    registry = Registry(ca_bundle=configured_ca_bundle(settings))
    if not refs:
        return _own(options)
    found = []
    for ref in refs:
        digest = registry.head(ref) if parse(ref).host is not None else None
        if digest is None:
            raise NotInRegistryError(
                f"{ref} is in no registry", hint="name the image with its registry, or none: then it is the project's"
            )
        found.append(_Image(ref=ref, digest=digest))
    return found


def _own(options: Options) -> list[_Image]:
    """The project's image, the one that runs."""
    asked = ask(options)
    top = asked.plans[-1]
    if top.found is None:
        raise NotBuiltError(f"the image {top.ref} does not exist yet", hint="build it: mlops-ci build")
    if asked.engine != "docker":
        raise SignatureUncheckedError(NO_IMAGE[asked.engine], hint="use --engine docker")
    kept = signed_files.folder(asked.workspace.cache, top.content_key, top.found.digest)
    return [_Image(ref=top.ref, digest=top.found.digest, kept=kept if parse(top.ref).host is None else None)]


def _no_registry(ref: str) -> SignatureUncheckedError:
    return SignatureUncheckedError(f"{ref}: {NOT_ALONE}", hint="set [image] registry, or use a key alone")
