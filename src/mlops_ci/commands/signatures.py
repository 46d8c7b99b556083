"""`mlops-ci images keys | sign | verify`: a pair of keys, and signatures of images in a registry."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
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
from mlops_ci.registry.reference import parse
from mlops_ci.settings.settings import Settings
from mlops_ci.signing.errors import SigningKeyMissingError
from mlops_ci.signing.keys import generate
from mlops_ci.stages import signed, signers
from mlops_ci.stages.signing import repository

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
    """Sign images of a registry by their digests; those of the project without a name."""
    settings, console = _surroundings(options)
    who = signers.signer(settings, os.environ, console)
    if who is None:
        raise NobodyNamedError("nobody is named who signs", hint="set [signing] key or keyless in mlops.toml")
    if isinstance(who, str):
        raise SigningKeyMissingError(who, hint="see docs/signing.md")
    for image in _images(options, settings, refs):
        click.echo(f"{image}: {'signed' if who.sign(image) else 'was signed before'} ({who.by})")
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
    for image in _images(options, settings, refs):
        try:
            whose = signed.ask(image, settings, os.environ, console)
            rows.append({"image": image, "exit_code": 0, "signed_by": whose, "why": ""})
        except MlopsError as error:
            rows.append({"image": image, "exit_code": error.exit_code, "signed_by": "", "why": error.cause})
    if options.json:
        click.echo(json.dumps(rows, indent=2))
    else:
        for row in rows:
            click.echo(f"{'✗' if row['why'] else '✓'} {row['image']}: {row['why'] or row['signed_by']}")
    return next((int(row["exit_code"]) for row in rows if row["exit_code"]), 0)


def _surroundings(options: Options) -> tuple[Settings, Console]:
    provider = new_provider()
    return load_settings(options, provider), new_console(verbose=options.verbose, provider=provider)


def _own(options: Options) -> tuple[str, ...]:
    """The project's image, with the images below it as far as a look at it has asked for them."""
    plans = ask(options).plans
    if plans[-1].found is None:
        raise NotBuiltError(f"the image {plans[-1].ref} does not exist yet", hint="build it: mlops-ci build")
    return tuple(plan.ref for plan in plans if plan.found is not None)


def _images(options: Options, settings: Settings, refs: Sequence[str]) -> list[str]:
    """The images as `repository@digest`."""
    registry = Registry(ca_bundle=configured_ca_bundle(settings))
    found = []
    for ref in refs or _own(options):
        digest = registry.head(ref) if parse(ref).host is not None else None
        if digest is None:
            raise NotInRegistryError(
                f"{ref} is in no registry",
                hint="signatures are kept there: build with [image] registry, or name the image with its registry",
            )
        found.append(f"{repository(ref)}@{digest}")
    return found
