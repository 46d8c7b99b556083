"""Signatures of images that no registry has: files in the cache, by content key and by what the image became."""

from __future__ import annotations

from pathlib import Path

from mlops_ci.files import write_atomic
from mlops_ci.signing import bundle, statement
from mlops_ci.signing.keys import PrivateKey

FOLDER, SUFFIX = "signatures", ".sigstore.json"
IMAGE = "image"


def folder(cache: Path, key: str, digest: str) -> Path:
    """Where the signatures of an image lie."""
    return cache / FOLDER / key / digest.removeprefix("sha256:")[:16]


def sign(who: PrivateKey, ref: str, digest: str, place: Path) -> None:
    """Sign an image of this engine, by its id."""
    keep(who, statement.statement(ref, digest, statement.SIGNED, {}), place, IMAGE)


def keep(who: PrivateKey, said: bytes, place: Path, name: str) -> None:
    """Keep a signed statement in the folder of an image."""
    write_atomic(place / f"{name}{SUFFIX}", bundle.bundle(said, who))


def found(place: Path) -> list[bytes]:
    """The signature of the image, where one is kept."""
    path = place / f"{IMAGE}{SUFFIX}"
    return [path.read_bytes()] if path.is_file() else []
