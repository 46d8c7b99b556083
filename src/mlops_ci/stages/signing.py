"""Signatures of what build has made: of the images, of where they come from, of the SBOM."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlops_ci.errors import MissingError
from mlops_ci.files import sha256_of, write_atomic
from mlops_ci.images.plan import LayerPlan
from mlops_ci.records.build import BuiltImage, SignedImage, Signing
from mlops_ci.registry.reference import repository
from mlops_ci.signing import statement
from mlops_ci.stages import signed_files
from mlops_ci.stages.provenance import predicate
from mlops_ci.stages.sboms import KIND
from mlops_ci.stages.session import Session
from mlops_ci.stages.signed_files import FOLDER, IMAGE, SUFFIX
from mlops_ci.stages.signers import KeySigner, Signer, open_registry, signer

# In a run they lie with the SBOM, in the folder that the job that builds hands on.
BESIDE = "sbom"
PROVENANCE, SBOM = "provenance", "sbom"
NO_IMAGE = {
    "host": "the host engine makes an environment on this machine and no image: there is nothing to sign",
    "inside": "this process runs in an image that others made: there is nothing to sign",
}
NOT_ALONE = "a keyless signature is kept in a registry, and no [image] registry is configured"


class CannotSignError(MissingError):
    """An image would be built and pushed without the signature that everybody who runs it asks for."""


def intend(session: Session) -> None:
    """Note which images are to be built and signed: should we end between both, the next try signs them.

    Raises `CannotSignError` where nobody can sign, and what is built would be an image that later runs find and refuse.
    """
    if not _wanted(session) or session.image_engine in NO_IMAGE:
        return
    tables = session.settings.tables
    building = any(plan.action == "build" for plan in session.resolution.images)
    if building and tables.signing.required != "never" and tables.image.registry:
        who = signer(session.settings, session.environ, session.console)
        if isinstance(who, str):
            raise CannotSignError(
                f"an image must be built, and cannot be signed here: {who}",
                hint="let the pipeline that has the key build it first, or leave out [image] registry on this machine",
            )
    for plan in session.resolution.images:
        if plan.action == "build":
            write_atomic(_note(session, plan.content_key), session.run.id)


def sign(
    session: Session, built: Mapping[str, BuiltImage], top: str, sboms: Sequence[Path], own: Sequence[str] = ()
) -> Signing | None:
    """Sign what was built now; None where nothing is to be signed. An image that was there before is others' work.

    `own` are the digests of SBOMs that this run has put beside the top image: they are its work, whoever built that.
    """
    if not _wanted(session):
        return None
    if session.image_engine in NO_IMAGE:
        return _said(session, Signing(why=NO_IMAGE[session.image_engine]))
    _forget_lost(session, built)
    who = signer(session.settings, session.environ, session.console)
    if who is None or isinstance(who, str):
        return _said(session, Signing(why=who or ""))
    registry = bool(session.settings.tables.image.registry)
    if not registry and not isinstance(who, KeySigner):
        return _said(session, Signing(why=NOT_ALONE))
    done = {}
    for plan in session.resolution.images:
        image = built.get(plan.name)
        if image is None:
            continue
        sbom = sboms[-1] if sboms and plan.name == top else None
        if not registry and isinstance(who, KeySigner):
            made = _with_files(session, who, plan, built, sbom)
        elif _ours(session, plan, image):
            made = _in_registry(session, who, plan, built, sbom, own if plan.name == top else ())
        elif plan.name == top and own and sbom is not None:
            made = _sbom_alone(session, who, image, sbom, own)
        else:
            continue
        if made is not None:
            done[plan.name] = made
        _note(session, plan.content_key).unlink(missing_ok=True)
    return _said(session, Signing(by=who.by, images=done, why="" if done else "nothing was built"))


def _wanted(session: Session) -> bool:
    signing = session.settings.tables.signing
    return signing.keyless or signing.key is not None


def _forget_lost(session: Session, built: Mapping[str, BuiltImage]) -> None:
    """What was to be built and was not, another job has pushed meanwhile: that is not ours to sign, now or ever."""
    for plan in session.resolution.images:
        image = built.get(plan.name)
        if plan.action == "build" and image is not None and not image.built:
            _note(session, plan.content_key).unlink(missing_ok=True)


def _ours(session: Session, plan: LayerPlan, image: BuiltImage) -> bool:
    """Built now, or by a try before this one that ended before it signed."""
    return image.built or _note(session, plan.content_key).exists()


def _note(session: Session, key: str) -> Path:
    return session.workspace.cache / FOLDER / "intended" / key


def _said(session: Session, signing: Signing) -> Signing:
    for name, one in signing.images.items():
        session.console.say(f"signed {name}: {', '.join(one.what)} of {one.digest} ({signing.by})")
    if signing.why:
        session.console.say(f"not signed: {signing.why}")
    return signing


def _in_registry(
    session: Session,
    who: Signer,
    plan: LayerPlan,
    built: Mapping[str, BuiltImage],
    sbom: Path | None,
    own: Sequence[str],
) -> SignedImage:
    """Sign in the registry: the image, its provenance, and the SBOMs that lie beside it, each by its digest."""
    image = built[plan.name]
    name = repository(image.ref)
    subject = f"{name}@{image.digest}"
    what = [IMAGE, PROVENANCE]
    who.sign(subject)
    who.attest(subject, statement.PROVENANCE, predicate(session, plan, built, sbom), _work(session, plan.name))
    if sbom is not None:
        kept = own or [str(one["digest"]) for one in open_registry(session.settings).beside(subject, kind=KIND)[-1:]]
        if kept:
            _sign_sboms(session, who, image, sbom, kept)
            what.append(SBOM)
    return SignedImage(ref=image.ref, digest=image.digest, what=tuple(what), kept="registry")


def _sbom_alone(session: Session, who: Signer, image: BuiltImage, sbom: Path, own: Sequence[str]) -> SignedImage:
    """Of an image of others we know what is in it, and no more."""
    _sign_sboms(session, who, image, sbom, own)
    return SignedImage(ref=image.ref, digest=image.digest, what=(SBOM,), kept="registry")


def _sign_sboms(session: Session, who: Signer, image: BuiltImage, sbom: Path, kept: Sequence[str]) -> None:
    """Sign the files beside the image by their manifests, and say of the image itself what its SBOM says."""
    name = repository(image.ref)
    for digest in kept:
        who.sign(f"{name}@{digest}")
    who.attest(f"{name}@{image.digest}", statement.CYCLONEDX, json.loads(sbom.read_bytes()), _work(session, sbom.name))


def _work(session: Session, name: str) -> Path:
    """A file for cosign to read a predicate from."""
    work = session.run.path(BESIDE, f"{name}.predicate.json")
    work.parent.mkdir(exist_ok=True)
    return work


def _with_files(
    session: Session, who: KeySigner, plan: LayerPlan, built: Mapping[str, BuiltImage], sbom: Path | None
) -> SignedImage | None:
    """Signatures as files beside the SBOM, of an image that only this engine has; kept for later runs of it."""
    image = built[plan.name]
    kept = signed_files.folder(session.workspace.cache, image.content_key, image.digest)
    if _ours(session, plan, image):
        signed_files.sign(who.key, image.ref, image.digest, kept)
        made = predicate(session, plan, built, sbom)
        provenance = statement.statement(image.ref, image.digest, statement.PROVENANCE, made)
        signed_files.keep(who.key, provenance, kept, PROVENANCE)
        if sbom is not None:
            of_sbom = statement.statement(sbom.name, f"sha256:{sha256_of(sbom)}", statement.SIGNED, {})
            signed_files.keep(who.key, of_sbom, kept, SBOM)
    found = [name for name in (IMAGE, PROVENANCE, SBOM) if (kept / f"{name}{SUFFIX}").is_file()]
    if not found:
        return None
    folder = session.run.path(BESIDE)
    folder.mkdir(exist_ok=True)
    files = [Path(shutil.copyfile(kept / f"{name}{SUFFIX}", folder / f"{plan.name}.{name}{SUFFIX}")) for name in found]
    return SignedImage(
        ref=image.ref,
        digest=image.digest,
        what=tuple(found),
        kept="files",
        files=tuple(session.run.file(path) for path in files),
    )
