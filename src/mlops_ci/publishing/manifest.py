"""The manifest `mlops-ci/manifest/1`: what was published, from what, and how it was judged.

It is made from inputs only and has one byte form, so that publishing the same run again gives the same bytes and the
same key. It is written after all objects: without it nothing was published.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_ci.errors import UncheckedError, UsageError
from mlops_ci.records.codec import RecordFormatError, from_json, to_json
from mlops_ci.stores.base import Store
from mlops_ci.stores.keys import problem_with

SCHEMA = "mlops-ci/manifest/1"
OBJECTS = "objects/"
MODELS = "models/"
NAME = "manifest.json"
# The model's signature, in the bundle of files that it speaks of.
SIGNATURE = "model.sig"
MODEL_FILES = "model/"


class ManifestError(UncheckedError):
    """A manifest is damaged, was changed, or is of a version that we do not know: nothing that it says counts."""


class ArtifactNameError(UsageError):
    """A model or a file has a name under which it can't be published."""


@dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """One file: its name in the bundle (a relative path), its size, its SHA-256 in hex, its key in the store."""

    name: str
    bytes: int
    sha256: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What was published. `files` are sorted by name; `evaluation` holds the verdict and its gates."""

    schema: str = SCHEMA
    model: str
    files: tuple[PublishedFile, ...]
    lineage: Mapping[str, Any]
    metrics: Mapping[str, float | None]
    evaluation: Mapping[str, Any]


def object_key(sha256: str) -> str:
    """Where the content with this SHA-256 lies; two levels, so that no folder of a local store grows too large."""
    return f"{OBJECTS}{sha256[:2]}/{sha256}"


def encode(manifest: Manifest) -> bytes:
    """The one byte form: JSON for people, sorted keys; a number that is not finite becomes null."""
    return _text(to_json(manifest))


def _text(value: Any) -> bytes:
    return f"{json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)}\n".encode()


def manifest_key(model: str, data: bytes) -> str:
    """Where a manifest lies: `models/<model>/<first 16 digits of its SHA-256>/manifest.json`."""
    return f"{MODELS}{model}/{hashlib.sha256(data).hexdigest()[:16]}/{NAME}"


def check_model(name: str) -> str:
    """A model's name is one part of a key; raises `ArtifactNameError`."""
    problem = "it has a slash" if "/" in name else problem_with(f"{MODELS}{name}/{'0' * 16}/{NAME}")
    if problem is not None or name.startswith("."):
        raise ArtifactNameError(
            f"a model can't be called {name!r}: {problem or 'it starts with a dot'}",
            hint="set `[publish] model` to a name of letters, digits, dashes",
        )
    return name


def check_name(name: str) -> str:
    """A file's name in the bundle is a relative path; raises `ArtifactNameError`."""
    problem = problem_with(name)
    if problem is not None:
        raise ArtifactNameError(f"a file can't be published as {name!r}: {problem}", hint="rename the file")
    return name


def read_manifest(store: Store, key: str, *, sha256: str | None = None) -> Manifest:
    """The manifest under `key`; raises what `manifest_bytes` and `decode` raise."""
    return decode(manifest_bytes(store, key, sha256=sha256), f"{store.uri}/{key}")


def manifest_bytes(store: Store, key: str, *, sha256: str | None = None) -> bytes:
    """The manifest's bytes, checked against the digest in its key, and `sha256` if given.

    Raises `ManifestError`, and `ObjectMissingError` when there is none.
    """
    data = store.get_bytes(key)
    found = hashlib.sha256(data).hexdigest()
    digits = key.rpartition("/")[0].rpartition("/")[2]
    if not found.startswith(digits) or (sha256 is not None and found != sha256):
        raise ManifestError(
            f"the manifest {key} in {store.uri} was changed or damaged: its SHA-256 is {found}, "
            f"expected {sha256 or f'{digits}...'}",
            hint="do not use this model; publish it again, and find out who may write into the store",
        )
    return data


def unsigned(data: bytes) -> bytes:
    """A manifest without the signature among its files: what the signature speaks of. The same in later versions."""
    value = json.loads(data)
    value["files"] = [one for one in value["files"] if one["name"] != SIGNATURE]
    return _text(value)


def decode(data: bytes, where: str) -> Manifest:
    """A manifest from its bytes; raises `ManifestError`. `where` names it in the message."""
    try:
        value = json.loads(data)
        manifest = from_json(Manifest, value, where)
    except (ValueError, RecordFormatError) as error:
        reason = error.cause if isinstance(error, RecordFormatError) else str(error)
        raise ManifestError(
            f"{where} is no manifest: {reason}", hint="name a manifest that publish has written"
        ) from error
    if manifest.schema != SCHEMA:
        raise ManifestError(
            f"{where} has the schema {manifest.schema!r}, this version reads {SCHEMA!r}",
            hint="use the version of mlops-ci that wrote it, or a newer one",
        )
    for file in manifest.files:
        if problem_with(file.name) or file.key != object_key(file.sha256):
            raise ManifestError(
                f"{where} names the file {file.name!r} under {file.key!r}: publish never writes that",
                hint="do not use this model; find out who may write into the store",
            )
    return manifest
