"""Whether an image may run: it has the signature that the settings ask for, or it does not run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlops_ci.console import Console
from mlops_ci.engines.inside_image import JOB_IMAGE_VARIABLE
from mlops_ci.images.lookup import engine_image
from mlops_ci.records.build import BuildOutputs, SignedImage
from mlops_ci.registry.reference import parse, repository
from mlops_ci.run.base import file_at
from mlops_ci.settings.settings import Settings
from mlops_ci.settings.signing import SigningSettings
from mlops_ci.signing import statement, verdict
from mlops_ci.signing.errors import (
    SignatureUncheckedError,
    SignatureUnreadableError,
    SigningKeyMissingError,
    UnsignedImageError,
)
from mlops_ci.signing.keys import PublicKey, public_key
from mlops_ci.signing.named import PEM, VARIABLE, named
from mlops_ci.signing.verdict import Verdict
from mlops_ci.stages import signed_files
from mlops_ci.stages.session import Session
from mlops_ci.stages.signers import by_key, open_registry, program, signatures

# Stages that run the image on the node that trains.
ON_THE_NODE = ("verify", "train")
SIGN = "sign it where you know what it is (`mlops-ci images sign IMAGE`), or build it anew with [signing] key"


def asked(settings: SigningSettings, stage: str) -> bool:
    """Whether a stage may only run a signed image."""
    return settings.required == "always" or (settings.required == "verify" and stage in ON_THE_NODE)


def in_words(settings: SigningSettings) -> Iterator[str]:
    """What is signed and what is asked for, for people; nothing where neither is."""
    if settings.keyless:
        yield "what is built is signed with the identity of this CI job"
    elif settings.key is not None:
        yield f"what is built is signed with the key in {settings.key}"
    if settings.required != "never":
        names = (settings.public_key, settings.identity)
        whose = " and of ".join(name.partition("\n")[0] for name in names if name)
        when = "before any job runs in it" if settings.required == "always" else "before verify and train run in it"
        yield f"the image must have a signature of {whose} {when}"


def demanded(settings: SigningSettings) -> dict[str, Any]:
    """The part of a stage's inputs that says what signature is asked for; nothing where none is."""
    if settings.required == "never":
        return {}
    return {"signature": [settings.required, settings.public_key, settings.identity, settings.issuer]}


def checked(session: Session, ref: str) -> str:
    """The name of the very image that was found to be signed; raises when it is not, or cannot be known.

    `session.signed_by` says afterwards whose signature it is.
    """
    signing = session.settings.tables.signing
    built = session.run.outputs("build", BuildOutputs)
    if session.engine.name == "inside":
        session.signed_by = ask(_own_image(session.environ), session.settings, session.environ, session.console)
        return ref
    here = engine_image(ref) if session.engine.name == "docker" else None
    if here is None:
        raise SignatureUncheckedError(
            f"[signing] required is `{signing.required}`, and there is no image whose signature could be checked: "
            f"the engine is {session.engine.name}",
            hint="use the engine docker; or, if you may, set [signing] required to never",
        )
    digest = built.images[built.top].digest
    if parse(ref).host is None:
        found = built.signing.images.get(built.top) if built.signing is not None else None
        kept = signed_files.folder(session.workspace.cache, built.images[built.top].content_key, here.digest)
        session.signed_by = _by_files(session, ref, here.digest, found, kept)
    else:
        if here.digest != digest and not any(one.endswith(f"@{digest}") for one in here.digests):
            raise UnsignedImageError(
                f"{ref} in this engine is not the image {digest} that was built",
                hint="something else moved that name: remove the image here, and run the same command again",
            )
        session.signed_by = ask(f"{repository(ref)}@{digest}", session.settings, session.environ, session.console)
    session.console.say(f"signature of {ref}: valid, of {session.signed_by}")
    # By its id: a name can be moved between this look and the start.
    return here.digest


def ask(image: str, settings: Settings, environ: Mapping[str, str], console: Console) -> str:
    """Whose signature an image of a registry (`repository@digest`) has; raises unless it is whom the settings name."""
    signing = settings.tables.signing
    found = []
    if signing.public_key is not None:
        key = trusted_key(settings, environ)
        found.append(judged(image, key, signatures(open_registry(settings), image, key).verdict))
    if signing.identity is not None and signing.issuer is not None:
        program(environ, console).verify(image, identity=signing.identity, issuer=signing.issuer)
        found.append(f"identity {signing.identity}")
    return " and ".join(found)


def ask_of_sbom(image: str, settings: Settings, environ: Mapping[str, str]) -> None:
    """Raises unless an SBOM in a registry (by its own digest) has the signature that is asked for of images.

    Who may write to the registry could otherwise put another list of packages beside an image.
    """
    if settings.tables.signing.required != "never" and settings.tables.signing.public_key is not None:
        key = trusted_key(settings, environ)
        judged(f"the SBOM {image}", key, signatures(open_registry(settings), image, key).verdict)


def judged(image: str, key: PublicKey, found: Verdict) -> str:
    """The key in words, of a valid signature; raises `UnsignedImageError` or `SignatureUnreadableError`."""
    if found.valid:
        return by_key(key)
    if found.unreadable:
        raise SignatureUnreadableError(
            f"what lies beside {image} in the place of its signature cannot be read",
            hint=f"it may be cut off, or of a later form: {SIGN}",
        )
    if not found.refused:
        raise UnsignedImageError(f"{image} is not signed", hint=SIGN)
    raise UnsignedImageError(
        f"{image} has no valid signature of {by_key(key)}: {'; '.join(found.refused)}",
        hint=f"do not run it before you know who made it; then {SIGN}",
    )


def trusted_key(settings: Settings, environ: Mapping[str, str]) -> PublicKey:
    """The public key whose signatures count. In a pull request a file is that of the base commit."""
    place = settings.tables.signing.public_key or ""
    base = settings.governance.base
    if place.startswith(PEM):
        return public_key(place)
    text = named(place, settings.root, environ) if base is None or place.startswith(VARIABLE) else None
    if base is not None and not place.startswith(VARIABLE):
        data = file_at(base, settings.root / Path(place).expanduser())
        text = data.decode(errors="replace") if data is not None else None
    if not text:
        where = f"the base commit {base[:12]} has no file" if base is not None else "there is no"
        raise SigningKeyMissingError(
            f"a signature is asked for, and {where} {place.removeprefix(VARIABLE)} with the public key",
            hint="commit the public key (it is no secret), and name it in [signing] public-key",
        )
    return public_key(text)


def _by_files(session: Session, ref: str, digest: str, found: SignedImage | None, kept: Path) -> str:
    """The same for an image that only this engine has: the signatures are files of the run, or of this machine."""
    signing = session.settings.tables.signing
    if signing.public_key is None or signing.identity is not None:
        raise SignatureUncheckedError(
            f"a keyless signature is asked for, and {ref} lies in no registry that could keep one",
            hint="set [image] registry, or name a [signing] public-key alone",
        )
    key = trusted_key(session.settings, session.environ)
    bundles = [session.run.open(one).read_bytes() for one in (found.files if found is not None else ())]
    return by_files(ref, digest, key, [*bundles, *signed_files.found(kept)])


def by_files(ref: str, digest: str, key: PublicKey, bundles: Sequence[bytes]) -> str:
    """Whose signature an image has of which only this engine knows; raises like `judged`."""
    return judged(f"{ref} ({digest})", key, verdict.of_bundles(bundles, key, digest, statement.SIGNED))


def _own_image(environ: Mapping[str, str]) -> str:
    """The image that we are in, as the job was told of it."""
    told = environ.get(JOB_IMAGE_VARIABLE) or os.environ.get(JOB_IMAGE_VARIABLE) or ""
    name, _, digest = told.partition("@")
    if not digest or parse(name).host is None:
        raise SignatureUncheckedError(
            "a signature is asked for, and which image this process runs in is not known by registry and digest",
            hint=f"pin the job's image as REGISTRY/NAME@sha256:... (the variable {JOB_IMAGE_VARIABLE} says it)",
        )
    return f"{repository(name)}@{digest}"
